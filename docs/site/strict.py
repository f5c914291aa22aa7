"""Pages that keep the service's Content-Security-Policy: no script and no style within the page.

The theme writes a script, a style sheet and some style attributes into each page. They are moved into files, which is
all that the policy `default-src 'self'; style-src 'self'` asks for.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from sphinx.application import Sphinx

SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
STYLED_TAG = re.compile(r'<([a-zA-Z][\w-]*)((?:\s[^<>]*)?)\sstyle="([^"<>]*)"([^<>]*)>')
CLASS = re.compile(r'(\sclass=")([^"]*")')


def tighten(app: Sphinx, error: Exception | None) -> None:
    """Move what every page carries inline into files under _static."""
    if error is not None:
        return
    out = Path(app.outdir)
    rules: dict[str, str] = {}
    for page in sorted(out.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        root = os.path.relpath(out, page.parent)
        static = "_static" if root == "." else f"{root}/_static"

        def script(found: re.Match[str], static: str = static) -> str:
            return f'<script src="{static}/{_kept(out, found[1], "js")}"></script>'

        def sheet(found: re.Match[str], static: str = static) -> str:
            return f'<link rel="stylesheet" href="{static}/{_kept(out, found[1], "css")}">'

        changed = STYLED_TAG.sub(lambda found: _classed(found, rules), STYLE.sub(sheet, SCRIPT.sub(script, text)))
        if rules:
            changed = changed.replace("</head>", f'<link rel="stylesheet" href="{static}/attributes.css">\n</head>', 1)
        page.write_text(changed, encoding="utf-8")
    sheet_of_attributes = "".join(f".{name} {{ {rule} }}\n" for rule, name in sorted(rules.items()))
    (out / "_static" / "attributes.css").write_text(sheet_of_attributes)
    # A note for the next incremental build. This one is always made afresh, and packages leave dot files out.
    (out / ".buildinfo").unlink(missing_ok=True)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _kept(out: Path, text: str, ending: str) -> str:
    """Write text to a file that is named by it; returns the name."""
    name = f"inline-{_name(text)}.{ending}"
    (out / "_static" / name).write_text(text.strip() + "\n", encoding="utf-8")
    return name


def _classed(found: re.Match[str], rules: dict[str, str]) -> str:
    """A tag whose style attribute has become a class."""
    tag, before, rule, after = found.groups()
    name = rules.setdefault(rule, f"s-{_name(rule)}")
    attributes = before + after
    if CLASS.search(attributes):
        attributes = CLASS.sub(rf"\g<1>{name} \g<2>", attributes, count=1)
    else:
        attributes = f' class="{name}"{attributes}'
    return f"<{tag}{attributes}>"
