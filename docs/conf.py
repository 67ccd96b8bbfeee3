"""How the documentation is built: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import chaincheck

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "chaincheck"
author = "The chaincheck contributors"
project_copyright = author
version = release = chaincheck.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "catalogue_pages"]
exclude_patterns = ["_build"]
smartquotes = False  # what is shown is what a program prints
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # the notebooks are kept without results
nb_execution_raise_on_error = True
nb_execution_in_temp = False
nb_output_stderr = "remove"  # progress bars
nb_execution_excludepatterns = ["*.md"]
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]  # a diagnosis is JSON too, which no page shows

autodoc_default_options = {"members": True, "undoc-members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = f"chaincheck {release}"
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]


def setup(app: Sphinx) -> None:
    """What an object is made of inside is no part of the reference, and nobody makes a Diagnosis but the engine."""
    app.connect("autodoc-skip-member", lambda app, what, name, obj, skip, options: True if name.startswith("_") else None)
    made = "chaincheck.diagnosis.Diagnosis"
    app.connect("autodoc-process-signature", lambda app, what, name, *rest: ("", None) if what == "class" and name == made else None)
