"""Silence the channels of a model's first two convolutions that it can best do without.

    python benchmarks/accuracy/narrow.py MODEL OUT PREPARED... [--keep 16]

The first feature maps are the largest, and of MobileNetV2's 32 channels there some are never
switched on and others hardly ever. Those that the next convolution can best make up for (least
squares on training faces of the PREPARED folders, one channel after the other, as in optimal
brain surgeon, Hassibi and Stork, 1993) are set to 0 for every picture, and its weights make up
for them. The network stays MobileNetV2, and silent channels stay silent in further training,
since nothing comes back through them. `facelage export --int8` leaves them out. MODEL is as for
`facelage train --weights`; OUT is a run's folder, with its config.json where MODEL is one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facelage.data.align import CropSpec
from facelage.export import labelled_faces
from facelage.files import write_text
from facelage.models import load_weights, save_weights
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.batches import to_input

FACES = 800  # of each folder
PLACES = 64  # of each face


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--keep", type=int, default=16)
    arguments = parser.parse_args()
    model, crop = load_weights(arguments.model)
    seen = np.concatenate([features(model.eval(), crop, folder) for folder in arguments.prepared])
    lost = silence(model, seen, arguments.keep)
    print(f"{arguments.keep} channels kept, {lost:.2%} of the next ones' variance lost")
    save_weights(model, arguments.out / "best.safetensors", crop)
    config = Path(arguments.model) / "config.json"
    if config.is_file():
        write_text(arguments.out / "config.json", config.read_text(encoding="utf-8"))


def front(model: AgeMobileNetV2) -> tuple[nn.Sequential, nn.Conv2d, nn.BatchNorm2d]:
    """The first block's depthwise convolution, and the projection after it with its norm."""
    depthwise, projection, norm = model.features[1].conv
    return depthwise, projection, norm


@torch.inference_mode()
def features(model: AgeMobileNetV2, crop: CropSpec, folder: Path) -> NDArray[np.float64]:
    """What the projection sees at random places of training faces: P x 32."""
    crops, _ = labelled_faces(folder, crop, split="train", count=FACES)
    depthwise, _, _ = front(model)
    random = np.random.default_rng(0)
    parts = []
    for start in range(0, len(crops), 64):
        maps: Tensor = depthwise(model.features[0](to_input(crops[start : start + 64], crop)))
        places = maps.permute(0, 2, 3, 1).reshape(len(maps), -1, maps.shape[1]).numpy()
        chosen = random.integers(0, places.shape[1], (len(places), PLACES))
        parts.append(np.take_along_axis(places, chosen[:, :, None], 1).reshape(-1, maps.shape[1]))
    return np.concatenate(parts).astype(np.float64)


@torch.no_grad()
def silence(model: AgeMobileNetV2, seen: NDArray[np.float64], keep: int) -> float:
    """Silence all but `keep` channels, in place; returns the lost share of variance."""
    depthwise, projection, norm = front(model)
    weights = projection.weight.detach().double().numpy()[:, :, 0, 0]
    mean, covariance = seen.mean(0), np.cov(seen, rowvar=False)
    fitted, silent, lost = without(weights, covariance, keep)
    # What the projection gives changes on average; its norm takes that up.
    norm.running_mean += torch.from_numpy(fitted @ mean - weights @ mean).float()
    projection.weight.copy_(torch.from_numpy(fitted)[:, :, None, None])
    spread = depthwise[1]
    spread.weight[silent] = 0.0
    spread.bias[silent] = -1.0
    return lost


def without(
    weights: NDArray[np.float64], covariance: NDArray[np.float64], keep: int
) -> tuple[NDArray[np.float64], list[int], float]:
    """Weights (O x K) fitted to do with `keep` inputs, the inputs left out, the share lost."""
    count = weights.shape[1]
    ridge = np.eye(count) * 1e-4 * np.trace(covariance) / count
    inverse = np.linalg.inv(covariance + ridge)
    fitted, silent = weights.copy(), list[int]()
    while count - len(silent) > keep:
        cost = (fitted**2).sum(0) / np.maximum(np.diag(inverse), 1e-12)
        cost[silent] = np.inf
        worst = int(cost.argmin())
        row = inverse[worst] / inverse[worst, worst]
        fitted -= np.outer(fitted[:, worst], row)
        inverse -= np.outer(inverse[:, worst], row)
        silent.append(worst)
        fitted[:, silent] = 0.0
        inverse[silent] = 0.0
        inverse[:, silent] = 0.0
    error = fitted - weights
    total = np.trace(weights @ covariance @ weights.T)
    return fitted, silent, float(np.trace(error @ covariance @ error.T) / total)


if __name__ == "__main__":
    main()
