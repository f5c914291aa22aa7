"""What the site needs beyond its pages: generated pages first, and a strict security policy at the end."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from docs.site import gallery, reference, strict


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", reference.generate)
    app.connect("builder-inited", gallery.generate)
    app.connect("build-finished", strict.tighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
