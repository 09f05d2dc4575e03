"""The frame of every web page: plain HTML, one style sheet, no script."""

from html import escape

STYLE = """
:root { --blue: #1a73e8; --ink: #202124; --soft: #5f6368; --line: #dadce0; }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 Roboto, "Segoe UI", Arial, sans-serif;
  color: var(--ink); background: #f6f8fc; }
.ribbon { background: repeating-linear-gradient(45deg, #fde293 0 14px, #fbd75b 14px
  28px); padding: .35rem 1rem; font-size: .85rem; text-align: center; color: #3c2f00; }
main { max-width: 72rem; margin: 1.5rem auto; padding: 0 1rem; }
.card { background: #fff; border: 1px solid var(--line); border-radius: 16px;
  padding: 1.5rem 1.75rem; margin-bottom: 1.25rem; }
.narrow { max-width: 30rem; margin: 3rem auto; }
h1 { font-size: 1.5rem; font-weight: 400; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; font-weight: 500; margin: 1.25rem 0 .5rem; }
.soft { color: var(--soft); } .small { font-size: .85rem; }
a { color: var(--blue); text-decoration: none; } a:hover { text-decoration: underline; }
button, .button { font: inherit; border: 1px solid var(--line); background: #fff;
  color: var(--blue); border-radius: 20px; padding: .4rem 1.1rem; cursor: pointer;
  display: inline-block; }
button.primary, .button.primary { background: var(--blue); border-color: var(--blue);
  color: #fff; }
button.danger { color: #b3261e; }
button:focus-visible, a:focus-visible, input:focus-visible, select:focus-visible,
textarea:focus-visible { outline: 3px solid #aecbfa; outline-offset: 1px; }
.account { display: flex; gap: .9rem; align-items: center; width: 100%; border: 0;
  border-bottom: 1px solid var(--line); border-radius: 0; padding: .8rem .25rem;
  text-align: left; color: var(--ink); }
.account:hover { background: #f1f3f4; }
.face { width: 2.1rem; height: 2.1rem; border-radius: 50%; color: #fff;
  display: grid; place-items: center; font-weight: 500; flex: none; }
.scope { display: flex; gap: .8rem; padding: .7rem 0; align-items: flex-start;
  border-bottom: 1px solid var(--line); }
.scope input { margin-top: .3rem; width: 1.1rem; height: 1.1rem; flex: none; }
.row { display: flex; gap: .75rem; flex-wrap: wrap; align-items: center; }
.spread { justify-content: space-between; }
.week { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: .5rem;
  margin-bottom: 1.25rem; }
.card > h2:first-child, .card > p:last-child { margin-block: 0 .75rem; }
.day { background: #fff; border: 1px solid var(--line); border-radius: 12px;
  padding: .5rem; min-height: 11rem; }
.day.today { border-color: var(--blue); box-shadow: 0 0 0 1px var(--blue); }
.day h3 { font-size: .8rem; font-weight: 500; margin: 0 0 .4rem; color: var(--soft); }
.event { display: block; border-left: 4px solid var(--c, #039be5); background: #eef4fd;
  border-radius: 6px; padding: .25rem .45rem; margin-bottom: .35rem; font-size: .8rem;
  color: var(--ink); overflow-wrap: anywhere; }
.event.declined { text-decoration: line-through; opacity: .6; }
.event.free { background: #fff; border: 1px dashed var(--line);
  border-left: 4px solid var(--c); }
.event b { font-weight: 500; } .event .when { color: var(--soft); display: block; }
form.grid { display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: .6rem 1rem;
  margin: 1rem 0;
  align-items: center; }
form.grid .wide { grid-column: 1 / -1; }
input[type=text], input[type=datetime-local], input[type=date], select, textarea {
  font: inherit; padding: .4rem .6rem; border: 1px solid #80868b; border-radius: 8px;
  width: 100%; background: #fff; }
label.inline { display: flex; gap: .4rem; align-items: center; }
.notice { background: #e6f4ea; border-radius: 8px; padding: .5rem .9rem; }
.error { background: #fce8e6; border-radius: 8px; padding: .5rem .9rem; }
@media (max-width: 50rem) { .week { grid-template-columns: 1fr; }
  .day { min-height: 0; } form.grid { grid-template-columns: 1fr; } }
"""
COLOURS = ("#1a73e8", "#d93025", "#188038", "#e37400", "#9334e6", "#12858d", "#c2185b")


def page(title: str, body: str, narrow: bool = False) -> str:
    kind = ' class="narrow"' if narrow else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        '<div class="ribbon" id="simulator">Simulator for demonstrations and tests'
        " – this is not Google, and nothing here leaves this machine</div>"
        f"<main{kind}>{body}</main></body></html>"
    )


def face(name: str) -> str:
    """A coloured circle with the first letter."""
    colour = COLOURS[sum(name.encode()) % len(COLOURS)]
    letter = escape(name[:1].upper())
    style = f'class="face" style="background:{colour}"'
    return f'<span {style} aria-hidden="true">{letter}</span>'


def hidden(values: dict[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values.items()
    )
