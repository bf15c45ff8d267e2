"""What each neuron of a taught run gives, and which blend of them is best.

    python benchmarks/accuracy/neurons.py RUN FOLDER... [--whole FOLDER ...]
        [--blend NAME=SHARE ... --stretch FACTOR --out RUN2]

A run with teachers has a neuron for the labels and one for each teacher, and the kept
model is a blend of them (`blend` in its settings). This measures every blend in tenths on
the validation faces of each prepared FOLDER, and on all faces of those after --whole, and
lists the run's own blend, single neurons, and the blends with the lowest sum of MAEs.
With --out, writes the run's last weights with another blend, and with answers that lie
FACTOR times as far from MIDDLE years: the mean of several teachers draws them together (see
"Several networks in one, measured" in docs/experiments.md). Both touch no weight but the neuron's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.files import write_text
from facelage.models import load_weights, save_weights
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.batches import predict
from facelage.train.checkpoint import load_checkpoint
from facelage.train.config import TrainConfig
from facelage.train.heads import TaughtModel

#: Years; about the mean of the training ages, so that a stretch moves few answers far.
MIDDLE = 35.0


@dataclass(frozen=True)
class Faces:
    """A set's true ages (N) and every neuron's answers (N x neurons)."""

    name: str
    ages: np.ndarray
    answers: np.ndarray

    def line(self, shares: np.ndarray) -> str:
        """MAE and bias of a blend, and both for the young."""
        errors = self.answers @ shares - self.ages
        words = [f"{errors.mean():+.1f}"]
        for low, high in ((0, 12), (13, 19)):
            some = errors[(self.ages >= low) & (self.ages <= high)]
            if len(some):
                words.append(f"{low}-{high}: {np.abs(some).mean():.1f}, {some.mean():+.1f}")
        return f"{self.name} {np.abs(errors).mean():.3f} ({'; '.join(words)})"

    def mae(self, shares: np.ndarray) -> float:
        return float(np.abs(self.answers @ shares - self.ages).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--whole", type=Path, action="append", default=[])
    parser.add_argument("--blend", action="append", default=[], metavar="NAME=SHARE")
    parser.add_argument("--stretch", type=float, default=1.0, metavar="FACTOR")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    config, model, crop = load_run(arguments.run)
    sets = [measure(model, crop, folder, "val") for folder in arguments.folders]
    sets += [measure(model, crop, folder, None) for folder in arguments.whole]
    if sets:
        names = ("labels", *model.teachers)
        alone = list(np.eye(len(names)))
        blends = sorted(tenths(len(names)), key=lambda shares: sum(s.mae(shares) for s in sets))
        kept = [1 - sum(config.blend.values()), *(config.blend.get(n, 0.0) for n in model.teachers)]
        for shares in [np.array(kept), *alone, *blends[:8]]:
            label = ", ".join(f"{n} {s:.1f}" for n, s in zip(names, shares, strict=True) if s)
            print(f"{label}: " + "; ".join(faces.line(shares) for faces in sets))
    if arguments.out:
        blend = {name: float(share) for name, share in (b.split("=") for b in arguments.blend)}
        other = replace(config, blend=blend)
        folded = stretched(model.folded(blend), arguments.stretch)
        for name in ("best.safetensors", "last.safetensors"):
            save_weights(folded, arguments.out / name, crop)
        write_text(arguments.out / "config.json", other.to_json())


def stretched(model: AgeMobileNetV2, factor: float) -> AgeMobileNetV2:
    """The same model, its answers `factor` times as far from MIDDLE."""
    middle = (MIDDLE - model.age_mean) / model.age_std  # in the neuron's units
    with torch.no_grad():
        model.head.weight.mul_(factor)
        model.head.bias.copy_(middle + factor * (model.head.bias - middle))
    return model


def load_run(run: Path) -> tuple[TrainConfig, TaughtModel, CropSpec]:
    """A run's settings, its model with all neurons, averaged if it was, and its crop."""
    config = TrainConfig.load(run / "config.json")
    age_model, crop = load_weights(run / "last.safetensors")
    state = load_checkpoint(run / "last.pt")
    weights = {
        key.removeprefix("module."): value
        for key, value in (state["average"] or state["model"]).items()
        if key != "n_averaged"
    }
    model = TaughtModel(
        age_model,
        tuple(config.teachers),
        distribution=config.distribution > 0,
        **{
            kind: [
                len(weights[f"{kind}.{head}.bias"]) for head in range(len(getattr(config, kind)))
            ]
            for kind in ("attributes", "embeddings")
        },
    )
    model.load_state_dict(weights)
    return config, model.eval(), crop


def measure(model: TaughtModel, crop: CropSpec, folder: Path, split: str | None) -> Faces:
    manifest = Manifest.load(folder).usable(split)
    store = CropStore(manifest, memory_gb=0)
    neurons = [model.folded(blend) for blend in ({}, *({name: 1.0} for name in model.teachers))]
    answers = [predict(neuron, store, crop) for neuron in neurons]
    return Faces(folder.name, manifest.ages(), np.stack(answers, axis=1))


def tenths(count: int) -> Iterator[np.ndarray]:
    """All shares in tenths that sum to 1."""
    grid = np.stack(np.meshgrid(*[np.arange(11)] * (count - 1), indexing="ij"), -1)
    for others in grid.reshape(-1, count - 1):
        if others.sum() <= 10:
            yield np.array([10 - others.sum(), *others]) / 10


if __name__ == "__main__":
    main()
