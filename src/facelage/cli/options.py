"""Options and output that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facelage.errors import ConfigError

if TYPE_CHECKING:
    from facelage.data.manifest import Manifest

F = TypeVar("F", bound=Callable[..., Any])


def detector_option(function: F) -> F:
    """``--detector``, as facelage.data.detect.resolve_detector takes it: None for "none"."""
    return click.option(
        "--detector",
        default="auto",
        show_default=True,
        callback=lambda _context, _option, name: None if name == "none" else name,
        help="auto, yunet, haar, deepface-BACKEND, or none for images that are face crops.",
    )(function)


def progress_option(function: F) -> F:
    """``--progress/--no-progress``; on by default."""
    return click.option(
        "--progress/--no-progress", default=True, help="Progress bars on standard error."
    )(function)


def format_option(function: F) -> F:
    """``--format table|json|csv``."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(["table", "json", "csv"]),
        default="table",
        show_default=True,
        help="What to print.",
    )(function)


def reader_options(function: F) -> F:
    """Where a folder's or a CSV file's ages are; for :func:`read_source`."""
    options = (
        click.option(
            "--layout",
            type=click.Choice(["auto", "utkface", "folders", "csv"]),
            default="auto",
            show_default=True,
            help="Where the ages are: in UTKFace file names, folder names, or a CSV file.",
        ),
        click.option(
            "--path-column", default="path", show_default=True, help="CSV: column of paths."
        ),
        click.option("--age-column", default="age", show_default=True, help="CSV: column of ages."),
        click.option("--group-column", help="CSV: column of subjects, never split."),
        click.option(
            "--root", type=click.Path(path_type=Path), help="CSV: folder the paths start from."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def read_source(source: Path, *, layout: str, **columns: Any) -> Manifest:
    """The manifest of a folder or a CSV file, as the options of :func:`reader_options` say."""
    from facelage.data.readers import read_folder

    usual = {"root": None, "group_column": None, "path_column": "path", "age_column": "age"}
    given = [name for name, value in usual.items() if columns[name] != value]
    if source.is_dir() and given:
        option = f"--{given[0].replace('_', '-')}"
        raise ConfigError(
            f"{option} is for CSV files", got=f"the folder {source}", fix=f"leave {option} out"
        )
    return read_folder(source, layout, **(columns if source.is_file() else {}))


def echo_file(path: Path) -> None:
    """Name a file that was written, on standard error, so that output can be piped."""
    click.echo(f"wrote {path}", err=True)


def table(rows: list[dict[str, str]]) -> str:
    """Rows under their headings, numbers to the right, as fixed-width text."""
    if not rows:
        return ""
    names = list(rows[0])
    widths = {n: max(len(n), *(len(row[n]) for row in rows)) for n in names}
    numeric = {
        n: all(
            row[n].replace(".", "").replace("-", "").replace("%", "").isdigit() or not row[n]
            for row in rows
        )
        for n in names
    }

    def line(cells: dict[str, str]) -> str:
        return "  ".join(
            cells[n].rjust(widths[n]) if numeric[n] else cells[n].ljust(widths[n]) for n in names
        ).rstrip()

    return "\n".join([line({n: n for n in names}), *(line(row) for row in rows)])
