"""Sphinx settings. ``nox -s docs`` builds the pages into docs/_build/html."""

from __future__ import annotations

import re
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

import facelage

project = "facelage"
author = "The facelage developers"
copyright = f"2026, {author}"
release = version = facelage.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
# Other pages include these.
exclude_patterns = ["_build", "ablations.md", "figures.md", "smaller.md", "speed.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_ivar = True  # fields of dataclasses are listed once, in their class
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_type_aliases = {"ImageLike": "ImageLike", "UInt8Image": "UInt8Image"}
autodoc_preserve_defaults = True
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"facelage {release}"
html_static_path = ["_static"]
html_css_files = ["facelage.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        # The blue in which annotate() draws, from the Okabe-Ito set.
        "color-brand-primary": "#005a8c",
        "color-brand-content": "#005a8c",
        "color-brand-visited": "#005a8c",
    },
    "dark_css_variables": {
        "color-brand-primary": "#56b4e9",
        "color-brand-content": "#56b4e9",
        "color-brand-visited": "#56b4e9",
    },
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"


class CommandHelp(Directive):
    """``{command-help} train`` shows what ``facelage train --help`` prints."""

    required_arguments = 0
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Ask click, so that the page can't fall behind the command."""
        import click

        from facelage.cli.main import group

        command: click.Command = group
        # Resilient parsing asks for no argument and runs nothing.
        settings = {"resilient_parsing": True, "terminal_width": 84}
        context = group.make_context("facelage", [], **settings)
        module = "main"
        if self.arguments:
            [module] = self.arguments
            found = group.get_command(context, module)
            if found is None:
                raise self.error(f"facelage has no command {module!r}")
            command = found
            context = command.make_context(module, [], parent=context, **settings)
        for name in (module, "options"):  # a page is built again when its command changes
            source = import_module(f"facelage.cli.{name}").__file__
            self.state.document.settings.record_dependencies.add(str(source))
        text = command.get_help(context)
        node = nodes.literal_block(text, text)
        node["language"] = "text"
        return [node]


def plain_aliases(*event: Any) -> tuple[str | None, str | None]:
    """Show a type alias by its name where Sphinx shows the wrapper that it puts around it."""

    def plain(text: str | None) -> str | None:
        return re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) if text else text

    *_, signature, returns = event  # of Sphinx's autodoc-process-signature
    return plain(signature), plain(returns)


def copy_demo(app: Sphinx, error: Exception | None) -> None:
    """Put the browser's page beside the others: it is no page of the documentation's kind."""
    if error is None and app.builder.name == "html":
        target = Path(app.outdir) / "demo"
        shutil.rmtree(target, ignore_errors=True)
        ignored = shutil.ignore_patterns("*.py", "__pycache__")
        shutil.copytree(Path(app.srcdir) / "demo", target, ignore=ignored)


def setup(app: Sphinx) -> None:
    """Register what is defined above."""
    app.connect("build-finished", copy_demo)
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-signature", plain_aliases)
