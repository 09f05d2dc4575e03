"""A service whose Python packages are missing: asked for anything, it says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from ..errors import NotInstalled

#: what is installed, by the name under which it is imported; others have one name
PACKAGES = {
    "google": "google-auth",
    "google_auth_httplib2": "google-auth-httplib2",
    "google_auth_oauthlib": "google-auth-oauthlib",
    "googleapiclient": "google-api-python-client",
}


class Absent:
    """Stands where the class of the provider would stand."""

    series = True
    forgetful = False
    conferencing = ""

    def __init__(self, module: str) -> None:
        """
        :param module: the one that could not be imported
        """
        top = module.partition(".")[0]
        self.package = PACKAGES.get(top, top)

    @staticmethod
    def scopes(mode: str) -> tuple[str, ...]:
        return ()

    @staticmethod
    def missing_scopes(mode: str, granted: Iterable[str]) -> tuple[str, ...]:
        return ()

    def __call__(self, *_args: Any, **_options: Any) -> NoReturn:
        raise NotInstalled(reason=self.package)

    authorize = exchange = revoke = __call__
