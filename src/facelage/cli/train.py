"""``facelage train``: prepared faces to a model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from facelage.cli.options import echo_file, progress_option


def _pairs(_ctx: object, _parameter: object, values: tuple[str, ...]) -> dict[str, float]:
    pairs = {}
    for text in values:
        name, _, number = text.partition("=")
        try:
            pairs[name] = float(number)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER") from error
    return pairs


@click.command("train")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--run", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--config", type=click.Path(path_type=Path), help="JSON file with settings.")
@click.option("--backbone", help="ImageNet weights: a safetensors file, or 'torchvision'.")
@click.option("--epochs", type=int)
@click.option("--batch-size", type=int)
@click.option("--loss", help="mse, l1 or huber.")
@click.option("--optimiser", help="adam or adamw.")
@click.option("--lr", type=float, help="Peak learning rate.")
@click.option("--weight-decay", type=float)
@click.option("--schedule", help="cosine, step or constant.")
@click.option("--ema-decay", type=float, help="Weight averaging a step; 0 is off.")
@click.option("--balance", type=float, help="Sampler against skewed ages, 0 to 1.")
@click.option("--augmentation", help="none, light or real.")
@click.option("--sizes", help="Training resolutions over the run, such as 96,128.")
@click.option(
    "--source-weight",
    "source_weights",
    multiple=True,
    callback=_pairs,
    help="NAME=WEIGHT: loss weight of a data set, by its folder's name.",
)
@click.option("--patience", type=int, help="Stop after so many epochs without gain; 0 never.")
@click.option("--seed", type=int)
@click.option("--threads", type=int, help="CPU threads; 0 is torch's choice.")
@click.option("--bfloat16/--float32", default=None, help="Precision of the forward pass.")
@click.option("--tensorboard/--no-tensorboard", default=None, help="Also write TensorBoard logs.")
@progress_option
def command(
    data: tuple[Path, ...], run: Path, config: Path | None, progress: bool, **given: Any
) -> None:
    """Train on the prepared folders (or manifests) DATA.

    Settings come from --config, then from the options. The model with the
    lowest validation loss is RUN/best.safetensors. An interrupted run goes on
    when started again with the same settings.
    """
    from facelage.data.align import CropSpec
    from facelage.data.manifest import Manifest
    from facelage.errors import ConfigError
    from facelage.train import TrainConfig, Trainer

    settings = TrainConfig.load(config) if config else TrainConfig()
    if sizes := given.pop("sizes"):
        try:
            given["sizes"] = tuple(int(size) for size in sizes.split(","))
        except ValueError as error:
            raise ConfigError("sizes can't be read", got=sizes, expected="like 96,128") from error
    if not given["source_weights"]:
        del given["source_weights"]
    changes = {name: value for name, value in given.items() if value is not None}
    settings = dataclasses.replace(settings, **changes)
    crops = {path: _crop_of(path) for path in data}
    if len({crop.digest() for crop in crops.values()}) > 1:
        raise ConfigError(
            "the data sets were prepared with different crops",
            got=", ".join(f"{path}: {crop.size} px" for path, crop in crops.items()),
            fix="prepare them with the same settings",
        )
    crop = next(iter(crops.values())) or CropSpec()
    trainer = Trainer(settings, crop=crop, progress=progress)
    result = trainer.fit([Manifest.load(path) for path in data], run)
    best = result.history[result.best_epoch - 1]
    click.echo(
        f"best epoch {result.best_epoch} of {len(result.history)}: "
        f"validation MAE {best.val_mae:.2f} years, CS@5 {best.val_cs5:.1%}"
    )
    echo_file(run / "best.safetensors")


def _crop_of(path: Path) -> Any:
    """The crop that a prepared folder was cut with."""
    from facelage.data.align import CropSpec

    settings = (path if path.is_dir() else path.parent) / "prepare.json"
    if not settings.is_file():
        return CropSpec()
    return CropSpec.from_json(json.dumps(json.loads(settings.read_text("utf-8"))["config"]["crop"]))
