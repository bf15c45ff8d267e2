"""Options and output that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def detector_option(function: F) -> F:
    """``--detector``, as facelage.data.detect.resolve_detector takes it; "none" for crops."""
    return click.option(
        "--detector",
        default="auto",
        show_default=True,
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


def is_terminal() -> bool:
    """Whether a person is likely to read standard output."""
    return sys.stdout.isatty()
