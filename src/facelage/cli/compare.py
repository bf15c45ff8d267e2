"""``facelage compare``: several models on the same faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from facelage.cli.evaluate import corrupt, measuring_options, open_for, read_data
from facelage.cli.options import echo_file


@click.command("compare")
@click.argument("models", nargs=-1, required=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="A prepared folder, or, with --images, a folder or CSV of labelled photos.",
)
@measuring_options
def command(
    models: tuple[str, ...],
    data: Path,
    out: Path | None,
    table: Any,
    faces: bool,
    as_json: bool,
    corruptions: bool,
    **options: Any,
) -> None:
    """Measure two or more MODELS on the same faces: which is better, and how sure is that?

    Each of MODELS is what `facelage evaluate` takes. Faces are found once for
    all models, but for those with a detector of their own. The table is over
    the faces that every model gave an age for, and each model's failures stand
    beside it.

    --out writes comparison.json, comparison.txt, a folder a model with its
    figures and predictions, and, with matplotlib, report.html and its plots.
    """
    from facelage.evaluate import compare
    from facelage.evaluate.report import comparison_report

    manifest, title, settings = read_data(data, **options)
    # Photos or crops, all models get the same faces: see facelage.evaluate.compare.
    opened = [open_for(name, options | {"images": False}) for name in models]
    result = compare(opened, manifest, data=title, **settings)
    plain = json.dumps(result.to_dict(), indent=2) if as_json else comparison_report(result)
    click.echo(plain, nl=as_json)
    damaged = corrupt(opened, manifest, settings, as_json) if corruptions else None
    if out is not None:
        result.save(out, table=table, faces=faces, corruptions=damaged)
        if damaged is not None:
            damaged.save(out)
        echo_file(out / "comparison.json")
        if (out / "report.html").is_file():
            echo_file(out / "report.html")
