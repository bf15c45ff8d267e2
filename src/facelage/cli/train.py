"""``facelage train``: prepared faces to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facelage.cli.options import echo_file, progress_option
from facelage.cli.settings import read_settings, training_options


@click.command("train")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--run", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@training_options
@progress_option
def command(
    data: tuple[Path, ...], run: Path, config: Path | None, progress: bool, **given: Any
) -> None:
    """Train on the prepared folders (or manifests) DATA.

    Settings come from --config, then from the options. The model with the
    lowest validation loss is RUN/best.safetensors. An interrupted run goes on
    when started again with the same settings.
    """
    from facelage.data.manifest import Manifest
    from facelage.train import Trainer
    from facelage.train.allocator import keep_freed_memory

    settings = read_settings(config, given)
    keep_freed_memory()
    trainer = Trainer(settings, progress=progress)
    result = trainer.fit([Manifest.load(path) for path in data], run)
    best = result.history[result.best_epoch - 1]
    click.echo(
        f"best epoch {result.best_epoch} of {len(result.history)}: "
        f"validation MAE {best.val_mae:.2f} years, CS@5 {best.val_cs5:.1%}"
    )
    echo_file(run / "best.safetensors")
