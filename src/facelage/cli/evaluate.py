"""``facelage evaluate``: a model's errors on labelled faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from facelage.cli.options import (
    detector_option,
    echo_file,
    progress_option,
    read_source,
    reader_options,
)


@click.command("evaluate")
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Which rows, where the data has splits.",
)
@click.option(
    "--images",
    is_flag=True,
    help="DATA is a folder or CSV of whole photos: find the faces first.",
)
@reader_options
@detector_option
@click.option("--group", "groups", multiple=True, help="Column to break the figures down by.")
@click.option("--name", default="", help="Name of the data in the report.")
@click.option("--rounds", default=1000, show_default=True, help="Bootstrap rounds.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the report's files.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@progress_option
def command(
    model: str,
    data: Path,
    split: str,
    images: bool,
    detector: str | None,
    groups: tuple[str, ...],
    name: str,
    rounds: int,
    out: Path | None,
    as_json: bool,
    progress: bool,
    **reader: Any,
) -> None:
    """Measure MODEL on DATA.

    MODEL is a name (see `facelage info`), "default" for the newest weights, an
    .onnx file, a .safetensors file or a run's folder.

    DATA is a prepared folder, whose crops are used, or, with --images, a folder
    or CSV of labelled photos, in which the faces have to be found first. Images
    without a face are counted as failures beside every figure.
    """
    from facelage.data.manifest import Manifest
    from facelage.evaluate import evaluate, open_model
    from facelage.evaluate.report import text_report

    title = name or data.stem
    if images:
        from facelage.infer import AgePredictor

        predictor = AgePredictor.from_pretrained(
            None if model == "default" else model,
            detector=detector,
        )
        manifest = read_source(data, **reader)
        given = manifest.frame["split"]
        if split != "all" and (given != "").any():
            manifest = Manifest(manifest.frame[given == split], manifest.root)
            title = f"{title}, {split} split"
        result = evaluate(
            predictor, manifest, data=title, groups=groups, rounds=rounds, progress=progress
        )
    else:
        manifest = Manifest.load(data).usable(None if split == "all" else split)
        title = title if split == "all" else f"{title}, {split} split"
        opened = open_model(None if model == "default" else model)
        result = evaluate(
            opened,
            manifest,
            data=title,
            groups=groups,
            rounds=rounds,
            progress=progress,
        )
    click.echo(json.dumps(result.figures, indent=2) if as_json else text_report(result), nl=as_json)
    if out is not None:
        result.save(out)
        echo_file(out / "metrics.json")
