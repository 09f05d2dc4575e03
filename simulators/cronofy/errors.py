"""The refusals of the service, by status."""

from simulators.kit import Refusal, Response


def refused(status: int) -> Refusal:
    """A refusal whose body is empty, as 401, 402, 403, 404, 423, 429 and 5xx are."""
    return Refusal(Response(status))


def grant_error(error: str, description: str = "") -> Refusal:
    """The token endpoint's 400."""
    data = {"error": error}
    if description:
        data["error_description"] = description
    return Refusal(Response(400, data))


class Problems:
    """Collects what is wrong with a body and refuses it with 422 in one go."""

    def __init__(self) -> None:
        self.errors: dict[str, list[dict[str, str]]] = {}

    def add(self, field: str, key: str, description: str) -> None:
        entry = {"key": f"errors.{key}", "description": description}
        self.errors.setdefault(field, []).append(entry)

    def required(self, field: str) -> None:
        self.add(field, "required", "required")

    def check(self) -> None:
        if self.errors:
            raise Refusal(Response(422, {"errors": self.errors}))


def invalid(field: str, key: str, description: str) -> Refusal:
    problems = Problems()
    problems.add(field, key, description)
    return Refusal(Response(422, {"errors": problems.errors}))
