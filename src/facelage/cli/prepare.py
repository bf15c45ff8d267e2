"""``facelage prepare``: photos to aligned faces, a manifest and a report."""

from __future__ import annotations

import dataclasses
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


@click.command("prepare")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
@reader_options
@detector_option
@click.option("--size", default=128, show_default=True, help="Side of the crops in pixels.")
@click.option("--val", default=0.1, show_default=True, help="Share of the validation split.")
@click.option("--test", default=0.1, show_default=True, help="Share of the test split.")
@click.option("--seed", default=0, show_default=True, help="Seed of the splits.")
@click.option("--min-face", default=20.0, show_default=True, help="Smallest face, in pixels.")
@click.option(
    "--min-sharpness", default=0.0, show_default=True, help="Least sharpness; 0 keeps blur."
)
@click.option("--max-age", default=122.0, show_default=True, help="Oldest label to accept.")
@click.option("--drop-near-duplicates", is_flag=True, help="Keep one of each, not a group.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one a core]")
@progress_option
def command(
    source: Path,
    out: Path,
    detector: str | None,
    size: int,
    val: float,
    test: float,
    seed: int,
    min_face: float,
    min_sharpness: float,
    max_age: float,
    drop_near_duplicates: bool,
    workers: int | None,
    progress: bool,
    **reader: Any,
) -> None:
    """Check, align and split the photos in SOURCE (a folder or a CSV file) into OUT.

    Every photo keeps a status and a reason in OUT/manifest.csv; nothing is
    deleted. An interrupted run goes on when started again.
    """
    from facelage.data.align import CropSpec, max_pad
    from facelage.data.filters import FilterConfig
    from facelage.data.prepare import PrepareConfig, prepare

    manifest = read_source(source, **reader)
    crop = dataclasses.replace(CropSpec(), size=size)
    config = PrepareConfig(
        filters=FilterConfig(
            min_face_pixels=min_face,
            min_sharpness=min_sharpness,
            max_age=max_age,
            near_duplicates="drop" if drop_near_duplicates else "group",
        ),
        crop=crop,
        pad=max_pad(crop),
        val=val,
        test=test,
        seed=seed,
    )
    prepare(
        manifest,
        out,
        config,
        detector=detector,
        workers=workers,
        progress=progress,
    )
    click.echo((out / "report.txt").read_text(encoding="utf-8"), nl=False)
    echo_file(out / "manifest.csv")
