"""Sphinx configuration. The build needs no network, and neither do the pages that it makes."""

import re
import sys
import tomllib
from inspect import isfunction
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from sphinx.errors import ExtensionError

import sksmooth

project = "sksmooth"
author = "The sksmooth developers"
copyright = author
release = version = sksmooth.__version__
with open(HERE.parent / "pyproject.toml", "rb") as settings:
    ADDRESSES = tomllib.load(settings)["project"]["urls"]
REPOSITORY = ADDRESSES["Repository"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "notfound.extension",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "myst_parser",  # for CHANGELOG.md
    "offline_check",
    "offline_math",
    "performance_plots",
    "result_pages",
    "sklearn_links",
]
exclude_patterns = [
    "_build",
    "auto_examples/*.ipynb",
    "examples/*.rst",
    "api/backreferences/*",
]
suppress_warnings = ["myst.header"]  # results have the levels that suit them
html_search_scorer = str(HERE / "_ext" / "search_scores.js")
templates_path = ["_templates"]
nitpicky = False
default_role = "py:obj"
add_function_parentheses = False
toc_object_entries_show_parents = "hide"

# Prompts and output are shown, and not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_exclude = ".linenos, .gp, .go"

# Inventories that are kept here (_inventories/make.py): the build asks nobody.
intersphinx_mapping = {
    "sklearn": ("https://scikit-learn.org/stable/", "_inventories/sklearn.inv"),
}

# A page that is not there may have been asked for from any depth: its links are absolute.
html_baseurl = ADDRESSES["Documentation"] + "/en/latest/"
notfound_urls_prefix = urlsplit(html_baseurl).path

# -- API reference -----------------------------------------------------------------------------

autosummary_generate = True
autosummary_imported_members = False
autodoc_typehints = "none"  # the numpydoc sections state types, with shapes and ranges
numpydoc_show_class_members = False  # _templates/autosummary/class.rst lists them
numpydoc_xref_param_type = False
numpydoc_validation_checks = {
    "all",
    "GL01",  # the summary starts on the line of the quotes, as in PEP 257
    "GL08",  # private helpers may go without; the linter checks that public names do not
    "ES01",  # a good summary line is enough
    "EX01",  # checked by _check_public_names below, for public functions and classes
    "RT02",  # returned values have names: they are what examples and other pages call them
    "SA01",
    "SA04",
    "YD01",
}
numpydoc_validation_exclude = {
    # dataclasses: their fields are documented once, as attributes
    r"^sksmooth\.(Certificate|records\.Record|tables\.CertifiedAccuracyTable)$",
    r"^sksmooth\.(PredictionBounds|RegressionCertificate)$",
    r"^sksmooth\.(attacks\.AttackResult|attacks\.Tightness|certificate\.Run|nets\.Checkpoint)$",
    r"^sksmooth\.metrics\.PairedComparison$",
    # as of Noise
    r"(Gaussian|PerFeature|InUnits)\.(around|deviations|draw|l2_radius|marginals|radius)$",
    r"(Gaussian|PerFeature|InUnits)\.radius_of_tails$",
    r"\.(Laplace|Uniform|BinaryFlip|Flip|Drop|Split|Mixed|SeveralChanges)Noise\.(around|corrupt|deviations|draw|pairs)$",
    r"\.(Laplace|Uniform|BinaryFlip|Flip|Drop|Split|Mixed|SeveralChanges)Noise\.radius$",
    r"Noise\.outcomes$",
    r"\.(Laplace|Uniform|BinaryFlip|Flip|Drop|Split|Mixed|SeveralChanges)Noise\."
    r"(counts_missing|marginals|on_grid|overlaps|radius_in|radius_of_tails|unknown|with_known)$",
    r"\.noise\.Split\.still$",  # as of Specification
    r"\.Noise\.(on_grid|overlaps|radius_in|unknown)$",  # hooks, whose first line says it all
    r"(Mixed|SeveralChanges)Noise\.(deciding|max_changes|probed)$",
    r"\.SplitNoise\.(proves|reached|reached_by_votes|target)$",
    r"^sksmooth\.(certificate\.Run\.|noise\.Draws)",  # for the library itself, and numpy's own
    r"\.(extra_repr|forward|train)$",  # torch's own methods of a module
}
numpydoc_validation_overrides = {
    "SS05": [r"^Radius (of|within)", r"^Shares of"],  # nouns, taken for verbs because they end in s
}

# -- Gallery -----------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "show_memory": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "backreferences_dir": "api/backreferences",  # examples of a class, on its page
    "doc_module": ("sksmooth",),
    "within_subsection_order": "gallery_order.ReadingOrder",
    "write_computation_times": False,  # its page loads scripts from afar
    "thumbnail_size": (480, 300),
    "copyfile_regex": r"^$",
}

# -- HTML --------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "sksmooth"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["sksmooth.css"]
html_js_files = [("sksmooth.js", {"defer": "defer"})]
html_context = {
    "github_user": REPOSITORY.split("/")[-2],
    "github_repo": REPOSITORY.split("/")[-1],
    "github_version": "main",
    "doc_path": "docs",
    "default_mode": "auto",
}
html_theme_options = {
    "logo": {"text": f"sksmooth {version}"},
    "github_url": REPOSITORY,
    "use_edit_page_button": True,
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "navbar_persistent": ["search-button"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc", "edit-this-page", "sourcelink"],
    "navigation_depth": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
_NO_SIDEBAR = "index install quickstart which_method troubleshooting changelog"
html_sidebars = {page: [] for page in _NO_SIDEBAR.split()}


def _check_public_names(app):
    """Fail the build if a public name is missing from the API page, or has no example."""
    page = (HERE / "api" / "index.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^ +([\w.]+)$", page, flags=re.MULTILINE))
    lacking = set()
    for name in sksmooth.__all__:
        thing = getattr(sksmooth, name)
        is_module = isinstance(thing, type(sksmooth))
        names = {f"{name}.{part}" for part in _documented(thing)} if is_module else {name}
        lacking |= {n for n in names if n not in listed and n.rpartition(".")[2] not in listed}
        if not is_module and ">>>" not in (thing.__doc__ or ""):
            raise ExtensionError(f"sksmooth.{name} has no example in its docstring.")
    if lacking:
        raise ExtensionError(f"docs/api/index.rst lacks {sorted(lacking)}.")


def _documented(module):
    """Return the public classes and functions of a module, without its registries and aliases."""
    parts = {name: getattr(module, name) for name in module.__all__}
    return [name for name, part in parts.items() if isinstance(part, type) or isfunction(part)]


def _escape_star_in_shapes(app, what, name, obj, options, lines):
    """Keep docutils from reading the star of a shape such as (n_samples, *shape) as emphasis."""
    lines[:] = [re.sub(r"(?<!`)(\([\w ]+, )\*(?=\w)", r"\1\\*", line) for line in lines]


def _say_since_when(app, what, name, obj, options, lines):
    """Names that do not say since when they exist are as old as the first release."""
    if what in {"class", "exception", "function"} and "versionadded" not in " ".join(lines):
        summary = lines.index("", 1)
        lines[summary:summary] = ["", ".. versionadded:: 0.2"]


def _written_in(app, module, name):
    """Classes say that they are of ``sksmooth``, which imports them; methods know their file."""
    thing = getattr(sys.modules[module], name, None)
    if isinstance(thing, type):
        return next((part.__module__ for part in vars(thing).values() if isfunction(part)), None)
    return None


def _no_edit_of_what_is_made(app, page, template, context, doctree):
    if page.startswith(("api/generated/", "auto_examples/", "results/")):
        context["page_source_suffix"] = ""  # without it the theme shows no link


def setup(app):
    app.connect("builder-inited", _check_public_names)
    app.connect("autodoc-process-docstring", _escape_star_in_shapes, priority=900)
    app.connect("autodoc-process-docstring", _say_since_when, priority=900)
    app.connect("viewcode-follow-imported", _written_in)
    app.connect("html-page-context", _no_edit_of_what_is_made)
