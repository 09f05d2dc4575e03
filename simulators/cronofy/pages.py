"""HTML that works without scripts: escaping, a frame, a few form parts."""

from collections.abc import Iterable
from html import escape

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f2f4f7;color:#1d2433}
header{background:#14213d;color:#fff;padding:.8rem 1.2rem}
header a{color:#fff;text-decoration:none}
main{max-width:52rem;margin:1.2rem auto;padding:1.2rem 1.6rem;background:#fff;
border-radius:.6rem;box-shadow:0 1px 4px #0002}
main.wide{max-width:76rem}
h1{font-size:1.35rem;margin:.2rem 0 .8rem}h2{font-size:1.1rem;margin:1.2rem 0 .4rem}
label{display:block;padding:.3rem .2rem}
fieldset{border:1px solid #cfd6e1;margin:.8rem 0;border-radius:.4rem}
button{font:inherit;padding:.45rem 1.1rem;border-radius:.4rem;border:1px solid #14213d;
background:#14213d;color:#fff;cursor:pointer}button.plain{background:#fff;color:#14213d}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .5rem;text-align:left;
border-bottom:1px solid #e3e7ee;vertical-align:top}
.chip{font-size:.8rem;padding:.05rem .5rem;border-radius:1rem;background:#e3e7ee}
.bad{background:#ffdcd6}.own{background:#dcefdc}small{color:#5b6576}
input,select,textarea{font:inherit;padding:.25rem .4rem}form.inline{display:inline}
"""


def page(title: str, body: str, wide: bool = False) -> str:
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        "<header><a href='/'>Cronofy <small style='color:#c5cfe4'>simulator</small></a>"
        f"</header><main{' class=wide' if wide else ''}><h1>{escape(title)}</h1>{body}"
        "</main></body></html>"
    )


def hidden(**values: str) -> str:
    return "".join(
        f"<input type='hidden' name='{escape(name)}' value='{escape(value, True)}'>"
        for name, value in values.items()
    )


def radio(name: str, value: str, label: str, checked: bool = False) -> str:
    """``label`` is HTML."""
    mark = " checked" if checked else ""
    value = escape(value, True)
    return (
        f"<label><input type='radio' name='{name}' value='{value}'{mark}> {label}"
        "</label>"
    )


def button(label: str, name: str = "", value: str = "", plain: bool = False) -> str:
    named = f" name='{name}' value='{escape(value, True)}'" if name else ""
    css = " class='plain'" if plain else ""
    return f"<button type='submit'{named}{css}>{escape(label)}</button>"


def form(action: str, *parts: str) -> str:
    body = "".join(parts)
    return f"<form method='post' action='{escape(action, True)}'>{body}</form>"


def field(
    label: str, name: str, value: str = "", kind: str = "text", more: str = ""
) -> str:
    value = escape(value, True)
    return (
        f"<label>{escape(label)} <input type='{kind}' name='{name}' value='{value}' "
        f"{more}></label>"
    )


def select(label: str, name: str, options: Iterable[tuple[str, str]], now: str) -> str:
    body = "".join(
        f"<option value='{escape(value, True)}'{' selected' if value == now else ''}>"
        f"{escape(text)}</option>"
        for value, text in options
    )
    return f"<label>{escape(label)} <select name='{name}'>{body}</select></label>"
