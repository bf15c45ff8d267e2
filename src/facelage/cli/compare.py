"""``facelage compare``: several models on the same faces."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import click

from facelage.cli.evaluate import corrupt, echo_json, measuring_options, open_for, read_data, save


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
    from facelage.evaluate.run import check_destination, spare_inputs

    if out is not None:
        check_destination(out, table)
    manifest, title, settings = read_data(data, **options)
    # Photos or crops, all models get the same faces: see facelage.evaluate.compare.
    opened = named_apart([open_for(name, options | {"images": False}) for name in models])
    if out is not None:
        spare_inputs(opened, data, out, table, each_in_its_folder=True)
    result = compare(opened, manifest, data=title, **settings)
    if not as_json:
        click.echo(comparison_report(result), nl=False)
    save(result, out, "comparison.json", table=table, faces=faces)
    damaged = corrupt(opened, manifest, settings, as_json) if corruptions else None
    if damaged is not None:
        save(result, out, "corruptions.csv", table=table, faces=faces, corruptions=damaged)
    if as_json:
        echo_json(result.to_dict(), damaged)


def named_apart(models: list[Any]) -> list[Any]:
    """The models; those of a name that came before as copies with a number behind it."""
    from facelage.files import different_names

    apart = []
    for model, name in zip(models, different_names([m.name for m in models]), strict=True):
        if model.name != name:
            model = copy(model)
            model.name = name
        apart.append(model)
    return apart
