"""What must not be in the tree, and what must agree: part of ``./run lint``.

No host of a package registry, no path of the machine it was written on, no secret, no
trailing blanks; requirements and README are what the manifest makes them, and Odoo's
own test runner gets to see every test.
"""

import ast
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDON = ROOT / "calendar_cronofy_sync"

# in pieces, so that this file does not name them either
REGISTRIES = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("npmjs", "org"),
    ("yarnpkg", "com"),
]
SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a Google client secret": r"\bGOCSPX-[\w-]{20,}",
    "a Google API key": r"\bAIza[\w-]{35}",
    "a Google token": r"\b(ya29\.[\w-]{40,}|1//0[\w-]{40,})",
    "a GitHub token": r"\bgh[pousr]_\w{30,}",
    "an Amazon key": r"\bAKIA[A-Z0-9]{16}\b",
}
# by oca-gen-addon-readme, of the OCA's maintainer-tools
GENERATED = {
    Path(ADDON.name, "README.rst"),
    Path(ADDON.name, "static", "description", "index.html"),
}
BINARY = {".png", ".ico", ".gif", ".jpg", ".woff", ".woff2", ".gz", ".zip"}


def run(*command: str) -> str:
    """The output of a command, or nothing where there is no such command."""
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout
    except FileNotFoundError:
        return ""


def files() -> list[Path]:
    listed = run("git", "ls-files", "-co", "--exclude-standard").splitlines()
    paths = (ROOT / name for name in sorted(set(listed)))
    return [path for path in paths if path.is_file() and path.suffix not in BINARY]


def forbidden() -> list[tuple[str, re.Pattern]]:
    """(what it is, how to find it): the known ones, and those of this machine."""
    hosts = {".".join(parts) for parts in REGISTRIES}
    configured = run("pip", "config", "list") + run("npm", "config", "get", "registry")
    configured += run("apt-get", "indextargets", "--format", "$(REPO_URI)")
    hosts |= set(re.findall(r"https?://(?:[^/@\s]*@)?([^/:'\"\s]+)", configured))
    paths = {str(ROOT), "/root", *re.findall(r"/home/\w+", str(Path.home()))}
    if len(ROOT.parts) > 2 and ROOT.parts[1] not in {"tmp", "var", "home", "root"}:
        paths.add(str(ROOT.parent))
    rules = [("a registry's host", re.escape(host)) for host in sorted(hosts)]
    rules += [
        ("a path of this machine", re.escape(path) + "/") for path in sorted(paths)
    ]
    rules += SECRETS.items()
    return [(what, re.compile(pattern)) for what, pattern in rules]


def found_in(path: Path, rules: list[tuple[str, re.Pattern]]) -> Iterator[str]:
    name = path.relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in rules:
            if match := pattern.search(line):
                yield f"{name}:{number}: {what}: {match[0][:20]}"
        if line != line.rstrip() and name not in GENERATED:
            yield f"{name}:{number}: blanks at the end of the line"
    if name in GENERATED:
        return
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield f"{name}: does not end with one newline"


def requirements() -> Iterator[str]:
    """The file is what the OCA generates: the manifest's, in order."""
    manifest = ast.literal_eval((ADDON / "__manifest__.py").read_text())
    declared = sorted(manifest["external_dependencies"]["python"])
    heading = "# generated from manifests external_dependencies"
    path = ROOT / "requirements.txt"
    wanted = "\n".join([heading, *declared, ""])
    if "--fix" in sys.argv:
        path.write_text(wanted)
    elif path.read_text() != wanted:
        yield "requirements.txt: differs from the manifest: ./run lint --fix"
    for line in declared:
        if not re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", line):
            yield f"__manifest__.py: {line}: a lower bound, and nothing else"


def readme() -> Iterator[str]:
    """The digest of what it was generated from, as oca-gen-addon-readme takes it."""
    digest = hashlib.sha256()
    for path in [ADDON / "__manifest__.py", *sorted((ADDON / "readme").glob("*.md"))]:
        digest.update(str(path.relative_to(ADDON)).encode() + path.read_bytes())
    if digest.hexdigest() not in (ADDON / "README.rst").read_text():
        yield f"{ADDON.name}/README.rst: older than readme/: oca-gen-addon-readme"


def odoo_tests() -> Iterator[str]:
    """pytest finds every test file, Odoo only those that the package imports."""
    package = ADDON / "tests" / "__init__.py"
    imported = re.findall(r"^from \. import (\w+)$", package.read_text(), re.MULTILINE)
    for name in sorted({path.stem for path in package.parent.glob("test_*.py")}):
        if imported.count(name) != 1:
            yield f"tests/__init__.py: imports {name} {imported.count(name)} times"


def main() -> int:
    rules = forbidden()
    complaints = [text for path in files() for text in found_in(path, rules)]
    complaints += [*requirements(), *readme(), *odoo_tests()]
    for text in complaints:
        sys.stdout.write(text + "\n")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
