"""``facelage crossval``: an honest prediction for every training face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facelage.cli.options import echo_file, progress_option
from facelage.cli.settings import read_settings, training_options


@click.command("crossval")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option("--folds", default=5, show_default=True, help="How many times to train.")
@training_options
@progress_option
def command(
    data: tuple[Path, ...],
    out: Path,
    folds: int,
    config: Path | None,
    progress: bool,
    **given: Any,
) -> None:
    """Cross-validate training on the prepared folders (or manifests) DATA.

    The faces outside the test split are divided into folds, groups never split;
    each fold is predicted by a model that was trained on the others. The
    predictions are OUT/predictions.csv, for `facelage evaluate`, for `facelage
    export --calibrate`, and to look for wrong labels. An interrupted run goes on
    when started again.
    """
    import numpy as np

    from facelage.data.manifest import Manifest
    from facelage.evaluate.figures import bootstrap_groups, drawn_order
    from facelage.metrics import bootstrap_interval, mae
    from facelage.train.allocator import keep_freed_memory
    from facelage.train.crossval import cross_validate

    settings = read_settings(config, given)
    if settings.patience:
        click.echo("patience is not heeded: a fold's faces must not choose its epochs", err=True)
    keep_freed_memory()
    manifests = [Manifest.load(path) for path in data]
    found = cross_validate(manifests, out, settings, folds=folds, progress=progress)
    true, predicted = found["age"].to_numpy(float), found["predicted"].to_numpy(float)
    each = [mae(true[rows], predicted[rows]) for rows in (found["fold"] == k for k in range(folds))]
    units, order = bootstrap_groups(found), drawn_order(found)
    low, high = bootstrap_interval(
        mae, true[order], predicted[order], groups=None if units is None else units[order]
    )
    click.echo(
        f"MAE {mae(true, predicted):.2f} years ({low:.2f} to {high:.2f}) on {len(found)} faces; "
        f"folds {', '.join(f'{value:.2f}' for value in each)} (sd {np.std(each, ddof=1):.2f})"
    )
    echo_file(out / "predictions.csv")
