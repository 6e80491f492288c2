"""Sphinx's configuration of the book: `make book` writes it to build/book from the committed outputs of the notebooks.

Nothing is run and nothing is fetched, neither while it is built nor while it is read.
"""

import sys
import tomllib
from pathlib import Path

BOOK = Path(__file__).parent
ROOT = BOOK.parent
sys.path[:0] = [str(BOOK), str(ROOT)]

import grisq  # noqa: E402

# Without an address (`make address`), links to files that are not pages lead to a copy, or are shown as code, and no
# page has buttons to the repository, Binder or Colab.
_about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
repository = _about.get("urls", {}).get("Repository", "")

project = "grisq"
author = "the grisq authors"
copyright = "2026, the grisq authors"
version = release = grisq.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.githubpages",  # only adds a file that lets such a host serve folders that begin with an underscore
    "binding.extension",
]
root_doc = "index"

# Pages ---------------------------------------------------------------------------------------------------------------
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # live widgets would be loaded from the network; without a kernel they do nothing anyway
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]  # so the text beside them
myst_enable_extensions = ["amsmath", "dollarmath", "html_image"]
myst_heading_anchors = 4

# API reference --------------------------------------------------------------------------------------------------------
add_module_names = False
toc_object_entries = False  # thousands of lines in every sidebar would triple the time and say little
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False  # those of torch and torchmetrics explain those
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

# Appearance -----------------------------------------------------------------------------------------------------------
html_theme = "sphinx_book_theme"
html_title = "grisq"
html_static_path = ["_static", "vendor"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is, until the reader chooses
html_copy_source = True  # what "download" gives: the notebook
html_show_sphinx = False
html_theme_options = {
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "use_repository_button": bool(repository),
    "use_issues_button": bool(repository),
    "repository_url": repository,
    "repository_branch": "main",
    "launch_buttons": {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"}
    if repository
    else {},
    "extra_footer": "<p>Text and figures: CC BY 4.0. Code: MIT. Sprites: Twemoji, CC BY 4.0.</p>",
    "navbar_persistent": [],  # the search field stands in the sidebar
    "toc_title": "On this page",
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# Formulas: MathJax from vendor/, see vendor/README.md. Its menu would load further parts that are not there.
mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}
