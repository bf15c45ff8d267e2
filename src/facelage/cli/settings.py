"""The options that are settings of a training run, for every command that trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from facelage.cli.options import F
from facelage.train.config import (
    AUGMENTATIONS,
    LOSSES,
    OPTIMISERS,
    SCHEDULES,
    TrainConfig,
)


def _pairs(_ctx: object, _parameter: object, values: tuple[str, ...]) -> dict[str, float]:
    pairs = {}
    for text in values:
        name, _, number = text.partition("=")
        try:
            pairs[name] = float(number)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not NAME=NUMBER") from error
    return pairs


def _setting(name: str, kind: Any, text: str) -> Callable[[F], F]:
    """An option for a setting of TrainConfig, whose default the help shows.

    Its own default is None, which leaves the setting to --config.
    """
    default = getattr(TrainConfig(), name)
    return click.option(
        f"--{name.replace('_', '-')}", type=kind, help=f"{text}  [default: {default}]"
    )


_OPTIONS = (
    click.option("--config", type=click.Path(path_type=Path), help="JSON file with settings."),
    click.option("--backbone", help="ImageNet weights: a safetensors file, or 'torchvision'."),
    click.option(
        "--weights", help="Go on from trained weights: 'default', a name, a .safetensors or a run."
    ),
    _setting("epochs", int, "Passes over the training faces."),
    _setting("batch_size", int, "Faces a step."),
    _setting("loss", click.Choice(LOSSES), "Loss on years."),
    _setting("huber_delta", float, "Error in years at which the Huber loss turns linear."),
    _setting("optimiser", click.Choice(OPTIMISERS), "Optimiser."),
    _setting("lr", float, "Peak learning rate."),
    _setting("weight_decay", float, "Weight decay."),
    _setting("schedule", click.Choice(SCHEDULES), "Course of the learning rate."),
    _setting("warmup_epochs", float, "Epochs over which the learning rate rises."),
    _setting("ema_decay", float, "Decay a step of the averaged weights; 0 switches them off."),
    _setting("dropout", float, "Share of pooled features dropped."),
    _setting("balance", float, "Strength of the sampler against skewed ages, 0 to 1."),
    _setting("balance_limit", float, "How often a face is sampled at most; the average is 1."),
    _setting("augmentation", click.Choice(AUGMENTATIONS), "What happens to training crops."),
    _setting("damage", float, "Share of the crops that 'real' damages."),
    click.option("--sizes", help="Training resolutions over the run, such as 96,128."),
    click.option("--frozen", help="How many first blocks are not trained, over the run: 4,0."),
    click.option(
        "--frozen-norms/--batch-norms",
        default=None,
        help="BatchNorm's statistics: those of the initial weights or of the batch, which takes "
        "longer.  [default: batch-norms]",
    ),
    click.option(
        "--source-weight",
        "source_weights",
        multiple=True,
        callback=_pairs,
        help="NAME=WEIGHT: loss weight of a data set, by its folder (from where the paths part).",
    ),
    click.option(
        "--age-weight",
        "age_weights",
        multiple=True,
        callback=_pairs,
        help="YEARS=WEIGHT: loss weight of faces of that age, linear between those named.",
    ),
    click.option(
        "--teacher",
        "teachers",
        multiple=True,
        callback=_pairs,
        help="COLUMN=WEIGHT: loss weight of a teacher's answers, by the manifests' column.",
    ),
    click.option(
        "--blend",
        multiple=True,
        callback=_pairs,
        help="COLUMN=SHARE: share of a teacher's neuron in the model that is kept.",
    ),
    click.option(
        "--live",
        multiple=True,
        type=click.Path(dir_okay=False),
        help="ONNX file of a teacher that is asked about every training crop as it is.",
    ),
    click.option(
        "--live-whole/--live-damaged",
        default=None,
        help="Ask it about the crop before or after 'real' damages it.  [default: live-damaged]",
    ),
    _setting(
        "live_views", int, "Ask it about so many views of each face only, once each; 0: about all."
    ),
    _setting(
        "distribution", float, "Loss weight of a head for the distribution of ages (training only)."
    ),
    click.option(
        "--attribute",
        "attributes",
        multiple=True,
        callback=_pairs,
        help="COLUMN=WEIGHT: loss weight of what else is known of a face, such as its gender.",
    ),
    click.option(
        "--embedding",
        "embeddings",
        multiple=True,
        callback=_pairs,
        help="COLUMN=WEIGHT: loss weight of a face recognition network's embedding.",
    ),
    _setting("mixup", float, "Share of the faces blended with one of about their age."),
    _setting("patience", int, "Stop after so many epochs without gain; 0 never."),
    _setting("seed", int, "Seed of all random numbers."),
    _setting("threads", int, "CPU threads; 0 is torch's choice."),
    _setting("memory_gb", float, "Crops are kept in memory up to this size."),
    click.option(
        "--bfloat16/--float32",
        default=None,
        help="Precision of the forward pass.  [default: float32]",
    ),
    click.option(
        "--tensorboard/--no-tensorboard", default=None, help="Also write TensorBoard logs."
    ),
)


def training_options(command: F) -> F:
    """Decorate a command with --config and an option for each setting."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


#: Settings whose option is given once for each entry.
_REPEATED = (
    "source_weights", "age_weights", "teachers", "blend", "live", "attributes", "embeddings"
)  # fmt: skip


def read_settings(config: Path | None, given: dict[str, Any]) -> TrainConfig:
    """The settings from --config, changed by the options that were given.

    Raises
    ------
    ConfigError
        If one is out of range or can't be read.
    """
    from facelage.errors import ConfigError

    settings = TrainConfig.load(config) if config else TrainConfig()
    for name, example in (("sizes", "96,128"), ("frozen", "4,0")):
        if text := given.pop(name):
            try:
                given[name] = tuple(int(part) for part in text.split(","))
            except ValueError as error:
                raise ConfigError(
                    f"{name} can't be read", got=text, expected=f"like {example}"
                ) from error
    for name in _REPEATED:
        if not given[name]:
            del given[name]
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(settings, **changes)
