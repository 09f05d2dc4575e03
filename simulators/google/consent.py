"""The pages that a person sees on the way to a grant."""

from html import escape

from ..kit import Refusal, Response
from .layout import face, hidden, page
from .store import User

AUTHORIZE = "/o/oauth2/v2/auth"


def account_chooser(client: str, query: dict[str, str], users: list[User]) -> Response:
    query = {name: value for name, value in query.items() if name != "login_hint"}
    rows = "".join(
        f'<button class="account" name="authuser" value="{escape(user.email)}">'
        f"{face(user.name)}<span>{escape(user.name)}<br>"
        f'<span class="soft small">{escape(user.email)}</span></span></button>'
        for user in users
    )
    body = (
        '<div class="card"><h1>Choose an account</h1>'
        f'<p class="soft">to continue to <b>{escape(client)}</b></p>'
        f'<form method="get" action="{AUTHORIZE}" id="accounts">{hidden(query)}{rows}'
        "</form></div>"
    )
    return Response(200, body=page("Sign in", body, narrow=True))


def consent_page(
    client: str,
    user: User,
    query_string: str,
    scopes: list[tuple[str, str, bool]],
    warning: bool = False,
) -> Response:
    """`scopes`: name, text, and whether it is granted with the sign-in itself."""
    body = (
        '<div class="card"><h1>'
        f"<b>{escape(client)}</b> wants access to your Google Account</h1>"
        f'<p class="row">{face(user.name)}<span>{escape(user.email)}</span></p>'
        f"{_warning() if warning else ''}"
        f'<form method="post" action="{AUTHORIZE}" id="consent">'
        f"{hidden({'request': query_string, 'authuser': user.email})}"
        f"<h2>Select what <b>{escape(client)}</b> can access</h2>"
        f"{''.join(_scope(*scope) for scope in scopes)}"
        '<p class="soft small">You can always see or remove access in your Google'
        " Account.</p>"
        '<p class="row spread">'
        '<button name="decision" value="deny" id="deny">Cancel</button>'
        '<button name="decision" value="allow" id="allow" class="primary">Continue'
        "</button></p></form></div>"
    )
    return Response(200, body=page("Grant access", body, narrow=True))


def _scope(name: str, text: str, fixed: bool) -> str:
    short = name.rsplit("/", 1)[-1]
    box = "disabled checked" if fixed else "checked"
    return (
        f'<div class="scope"><input type="checkbox" name="scope" {box} '
        f'id="scope-{escape(short)}" value="{escape(name)}">'
        f'<label for="scope-{escape(short)}">{escape(text)}<br>'
        f'<span class="soft small">{escape(short)}</span></label></div>'
    )


def _warning() -> str:
    return (
        '<p class="error small">Google hasn’t verified this app. Its access ends after'
        " a few days.</p>"
    )


def blocked(status: int, name: str, text: str) -> Refusal:
    """Google's own error page: the browser is not sent back."""
    body = (
        '<div class="card"><h1>Access blocked</h1>'
        f'<p>{escape(text)}</p><p class="soft small" id="error">'
        f"Error {status}: {escape(name)}</p></div>"
    )
    return Refusal(Response(status, body=page("Error", body, narrow=True)))
