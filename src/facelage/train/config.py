"""Every setting of a training run, in one frozen object that a JSON file can hold."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from facelage.errors import ConfigError

LOSSES = ("mse", "l1", "huber")
OPTIMISERS = ("adam", "adamw")
SCHEDULES = ("cosine", "step", "constant")
AUGMENTATIONS = ("none", "light", "real")
#: Blocks of MobileNetV2's features, the first and the last convolution among them.
BLOCKS = 19
_WEIGHTS = ("source_weights", "age_weights", "teachers", "blend", "attributes", "embeddings")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _years(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


#: Whether a value is what a field's annotation says.
_KINDS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "str | None": lambda value: value is None or isinstance(value, str),
    "int": _whole,
    "float": _number,
    "bool": lambda value: isinstance(value, bool),
    "tuple[int, ...]": lambda value: isinstance(value, (tuple, list)) and all(map(_whole, value)),
    "tuple[str, ...]": lambda value: (
        isinstance(value, (tuple, list)) and all(isinstance(part, str) for part in value)
    ),
    "dict[str, float]": lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(name, str) for name in value)
        and all(map(_number, value.values()))
    ),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of :class:`facelage.train.Trainer`.

    Attributes
    ----------
    architecture, backbone:
        As for :func:`facelage.models.create_model`.
    weights:
        Go on from a trained model instead, head included: a name of
        :func:`facelage.models.list_models`, ``"default"``, a ``.safetensors``
        file or a run's folder. It must have the crop of the data.
    epochs, batch_size:
        Length of the run.
    loss:
        ``"mse"``, ``"l1"`` or ``"huber"`` (see ``huber_delta``), on years.
    huber_delta:
        Error in years at which the Huber loss turns from square to linear.
    optimiser, lr, weight_decay:
        ``"adam"`` or ``"adamw"``, its peak learning rate and weight decay.
    schedule:
        ``"cosine"`` falls to nothing, ``"step"`` falls tenfold at 60 % and at
        85 % of the run, ``"constant"`` stays.
    warmup_epochs:
        The learning rate rises linearly over this many epochs first.
    ema_decay:
        Weights are averaged exponentially with this decay a step, and the
        average is what is validated and kept; 0 switches averaging off.
    dropout:
        Share of pooled features dropped.
    balance:
        Strength of the WeightedRandomSampler against skewed ages: 0 samples
        evenly, 1 makes every age equally frequent.
    balance_limit:
        No face is sampled more than so many times as often as the average one. A low
        limit favours ages that are somewhat rare over the very rarest.
    augmentation:
        ``"none"``, ``"light"`` (flips, shifts, turns, light) or ``"real"``
        (also the damage of real photos: small, blurred, grey, JPEG, faded).
    damage:
        Share of the training crops that ``real`` damages.
    sizes:
        Side of the training crops in pixels over equal stretches of the run,
        for example ``(96, 128)``; empty trains at the crop's own size.
        Validation is always at the crop's own size, so it looks worse than it is
        until the run reaches that size: end with it, and leave `patience` 0.
    frozen:
        How many of the network's 19 blocks, counted from the image, keep their
        weights and BatchNorm statistics, over equal stretches of the run, for
        example ``(4, 0)``. The first four hold the largest feature maps, so a step
        without their gradients is quicker. Empty trains every block throughout.
    frozen_norms:
        BatchNorm uses the statistics that the initial weights have, in training too, and
        leaves them alone, which makes a step quicker. Needs trained `weights` or a `backbone`.
    source_weights:
        Loss weight of the images from a data set, by its folder's name.
    age_weights:
        Loss weight of a face by its age in years, written as text since JSON names
        things so: linear between the ages that are named, level below the first
        and above the last. ``{"12": 3.0, "20": 1.0}`` counts children three times.
    teachers:
        Loss weight of what a teacher says of the training faces, by the
        manifests' column of its answers (years); each gets a neuron of its own.
    blend:
        Share of a teacher's neuron in the neuron that is validated and kept.
    live:
        ONNX files of teachers and embedding networks that are asked about every training
        crop as it is; an output's name is the column that it stands in for
        (:class:`facelage.train.live.LiveTeachers`).
    live_whole:
        Ask live teachers about the crop before `real` damages it, so that the student
        learns to say of a damaged face what they say of the whole one.
    live_views:
        Turn, zoom and light each training face in so many ways only, and ask live teachers
        about each of them once; 0 asks about every crop. Needs ``live_whole`` and no ``mixup``.
    distribution:
        Loss weight of a head that gives the age as a distribution over whole years,
        in training only; 0 has none.
    attributes:
        Loss weight of what else is known of a face (gender, race, ...), by the
        manifests' column; a head that tells it shapes the features, in training only.
    embeddings:
        Loss weight of a face recognition network's embedding of each training face, by
        the manifests' column (numbers with spaces between); a head that gives it shapes
        the features, in training only.
    mixup:
        Share of the faces blended with one of about their age.
    patience:
        Stop after this many epochs without a lower validation loss; 0 never.
    seed, threads, bfloat16:
        Reproducibility and speed; ``threads`` 0 leaves torch's choice.
    memory_gb:
        A split's decoded crops are kept in memory up to this size (10^9
        bytes), and read from disk again for each batch above it.
    tensorboard:
        Also write TensorBoard events (extra ``tensorboard``).
    """

    architecture: str = "mobilenet_v2"
    backbone: str | None = None
    weights: str | None = None
    epochs: int = 12
    batch_size: int = 64
    loss: str = "mse"
    huber_delta: float = 5.0
    optimiser: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    warmup_epochs: float = 0.5
    ema_decay: float = 0.998
    dropout: float = 0.2
    balance: float = 0.3
    balance_limit: float = 10.0
    augmentation: str = "real"
    damage: float = 1.0
    sizes: tuple[int, ...] = ()
    frozen: tuple[int, ...] = ()
    frozen_norms: bool = False
    source_weights: dict[str, float] = field(default_factory=dict)
    age_weights: dict[str, float] = field(default_factory=dict)
    teachers: dict[str, float] = field(default_factory=dict)
    blend: dict[str, float] = field(default_factory=dict)
    live: tuple[str, ...] = ()
    live_whole: bool = False
    live_views: int = 0
    distribution: float = 0.0
    attributes: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, float] = field(default_factory=dict)
    mixup: float = 0.0
    patience: int = 0
    seed: int = 0
    threads: int = 0
    bfloat16: bool = False
    memory_gb: float = 6.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("batch_size", 2, 65_536),
            ("huber_delta", 1e-3, 1e3),
            ("lr", 1e-9, 10.0),
            ("weight_decay", 0.0, 10.0),
            ("warmup_epochs", 0.0, 1000.0),
            ("ema_decay", 0.0, 0.999999),
            ("dropout", 0.0, 0.95),
            ("balance", 0.0, 1.0),
            ("balance_limit", 1.0, 1e3),
            ("damage", 0.0, 1.0),
            ("live_views", 0, 1000),
            ("distribution", 0.0, 1e3),
            ("mixup", 0.0, 1.0),
            ("patience", 0, 10_000),
            ("seed", 0, 2**63 - 1),
            ("threads", 0, 1024),
            ("memory_gb", 0.0, math.inf),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(
                    f"{name} is out of range", got=str(value), expected=f"{low} to {high}"
                )
        for name, choices in (
            ("loss", LOSSES),
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("augmentation", AUGMENTATIONS),
        ):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"unknown {name}", got=repr(getattr(self, name)), expected=", ".join(choices)
                )
        if any(not 32 <= size <= 512 for size in self.sizes):
            raise ConfigError("sizes are out of range", got=str(self.sizes), expected="32 to 512")
        if any(not 0 <= blocks <= BLOCKS for blocks in self.frozen):
            raise ConfigError(
                "frozen is out of range", got=str(self.frozen), expected=f"0 to {BLOCKS} blocks"
            )
        for name in ("sizes", "frozen"):
            if len(getattr(self, name)) > self.epochs:  # some would silently be left out
                raise ConfigError(
                    f"there are more {name} than epochs",
                    got=f"{name}={list(getattr(self, name))}, epochs={self.epochs}",
                    expected="an epoch at least for each of them",
                    fix=f"train for longer, or give fewer {name}",
                )
        if self.backbone is not None and self.weights is not None:
            raise ConfigError(
                "both a backbone and trained weights are given",
                got=f"backbone={self.backbone!r}, weights={self.weights!r}",
                expected="one of them: trained weights have a backbone of their own",
            )
        ages = [_years(age) for age in self.age_weights]
        if any(not 0 <= age < math.inf for age in ages) or len(set(ages)) < len(ages):
            raise ConfigError(
                "age_weights names no ages, or one twice",
                got=", ".join(self.age_weights),
                expected='years of 0 or more, like {"12": 3.0, "20": 1.0}',
            )
        for name in _WEIGHTS:
            values: dict[str, float] = getattr(self, name)
            if any(not 0 <= weight < math.inf for weight in values.values()):
                raise ConfigError(
                    f"{name} are out of range", got=str(values), expected="numbers of 0 or more"
                )
        if unknown := sorted(set(self.blend) - set(self.teachers)):
            raise ConfigError(
                "blend names teachers that are not there",
                got=", ".join(unknown),
                expected=", ".join(self.teachers) or "none without `teachers`",
            )
        if sum(self.blend.values()) > 1:
            raise ConfigError("blend is out of range", got=str(self.blend), expected="a sum to 1")
        if self.live_views and (not self.live_whole or self.mixup):
            raise ConfigError(
                "answers to a few views are to be kept, but the teachers see others",
                got=f"live_views={self.live_views}, live_whole={self.live_whole}, "
                f"mixup={self.mixup}",
                expected="live_whole, and no mixup: neither damage nor blends come again",
            )

    def _check_types(self) -> None:
        for entry in fields(self):
            kind, value = str(entry.type), getattr(self, entry.name)
            if not _KINDS[kind](value):
                raise ConfigError(
                    f"{entry.name} is of the wrong kind", got=repr(value), expected=kind
                )
        # JSON has no tuples, and a caller may go on changing a list of theirs.
        for name in ("sizes", "frozen", "live"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        # Neurons stand in the order of the names, and a file keeps no other.
        for name in _WEIGHTS:
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))

    def same_course(self, other: TrainConfig) -> bool:
        """Whether `other` describes the same run, so that either may go on with it.

        Where the initial weights and live teachers lie, threads, memory and logs may differ, not
        whether there are any.
        """

        def course(config: TrainConfig) -> TrainConfig:
            return replace(
                config,
                backbone=None if config.backbone is None else "given",
                weights=None if config.weights is None else "given",
                live=("given",) * len(config.live),
                threads=0,
                memory_gb=0.0,
                tensorboard=False,
            )

        return course(self) == course(other)

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        """Read back :meth:`to_json`; settings left out take their defaults.

        Raises
        ------
        ConfigError
            If the text is no JSON object, or names an unknown setting.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if not isinstance(values, dict):
                raise ValueError(f"a {type(values).__name__}, not an object")
            unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        except ValueError as error:
            raise ConfigError("the settings can't be read", got=str(error)) from error
        if unknown:
            raise ConfigError(
                "unknown settings",
                got=", ".join(unknown),
                expected=", ".join(entry.name for entry in fields(cls)),
            )
        return cls(**values)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainConfig:
        """Read the settings from a JSON file, as :meth:`from_json`."""
        path = Path(path)
        if not path.is_file():
            raise ConfigError("no such settings file", got=str(path))
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ConfigError(
                "the settings are not UTF-8",
                got=f"{path}: {error.reason}",
                fix="save them as UTF-8",
            ) from error
