"""How Sphinx makes the site; `make docs` calls it with warnings as errors. Nothing is fetched, then or at view time."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.version import VERSION

project = "Erlangen"
author = "the Erlangen developers"
version = release = VERSION
language = "en"

extensions = ["myst_parser", "docs.site"]
exclude_patterns = ["**/__pycache__"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # JSON that is cut short with … is no JSON

html_theme = "furo"
html_title = "Erlangen"
html_favicon = "../app/web/static/icon.svg"
html_logo = "../app/web/static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_permalinks_icon = "#"
