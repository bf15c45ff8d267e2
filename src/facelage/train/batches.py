"""The batches of one epoch, each made by all cores just before it is needed.

Made ahead of time beside the network's own threads they were slower on two
cores, where the two wait for each other; benchmarks/speed/training_step.py
measures what they add to a step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.threads import one_opencv_thread
from facelage.train.augment import augmented_views
from facelage.train.mixing import mix_similar


@dataclass(frozen=True, slots=True)
class Batch:
    """What a training step sees.

    Attributes
    ----------
    images:
        N x 3 x S x S, float32, normalised.
    targets:
        N x (1 + teachers), float32, years: the label, then each teacher's
        answer, NaN where there is none.
    weights:
        N, float32: loss weights.
    rows:
        N, int64: the faces' places in the training split.
    whole:
        As `images`, before they were damaged; `images` itself unless asked for.
    views:
        N, int64: which of its views each face is in; 0 where there is no number of views.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    rows: NDArray[np.int64]
    whole: Tensor
    views: NDArray[np.int64]


def to_input(crops: NDArray[np.uint8], crop: CropSpec) -> Tensor:
    """N x S x S x 3 uint8 to the network's input, as :func:`facelage.data.align.normalise`.

    The memory stays channels-last, in which convolutions on a CPU are fastest.
    """
    std = torch.tensor(crop.std)
    scale, offset = 1 / (255 * std), -torch.tensor(crop.mean) / std
    return torch.from_numpy(crops).float().mul_(scale).add_(offset).permute(0, 3, 1, 2)


@torch.no_grad()
def predict(
    model: nn.Module, store: CropStore, crop: CropSpec, *, batch_size: int = 256
) -> NDArray[np.float64]:
    """The model's ages of every canonical crop of `store`, in years (N,), in evaluation mode."""
    model.eval()
    ages = np.empty(len(store), np.float64)
    for start in range(0, len(store), batch_size):
        rows = np.arange(start, min(start + batch_size, len(store)))
        crops = store.canonical(rows, crop)
        ages[rows] = model(to_input(crops, crop)).double().numpy()
    return ages


def epoch_batches(
    store: CropStore,
    order: NDArray[np.int64],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    crop: CropSpec,
    *,
    batch_size: int,
    size: int,
    level: str,
    seed: tuple[int, int],
    damage: float = 1.0,
    mixup: float = 0.0,
    whole: bool = False,
    views: int = 0,
) -> Iterator[Batch]:
    """Augmented batches in `order`, a last batch of one face left out.

    What happens to a face depends on `seed` and its place in the epoch only
    (and, with `mixup`, on the other faces of its batch). `whole` says whether the
    batches also hold the crops as they were before they were damaged. With `views` a face
    is turned, zoomed and lit in one of so many ways, the same in every epoch.
    """
    scale = size / crop.size
    workers = os.cpu_count() or 1
    chosen = np.zeros(len(order), np.int64)
    if views:
        chosen = np.random.default_rng((*seed, 2)).integers(0, views, len(order))

    def augmented(rows: NDArray[np.int64], start: int) -> tuple[NDArray[np.uint8], ...]:
        seeds = [(*seed, start + offset) for offset in range(len(rows))]
        placing = None
        if views:
            placing = [(seed[0], int(row), int(chosen[start + k])) for k, row in enumerate(rows)]
        eyes = crop.landmarks[:2]
        return augmented_views(
            store.batch(rows), size, level, seeds, scale, damage, eyes, whole, placing
        )

    with (
        one_opencv_thread(),
        ThreadPoolExecutor(workers, thread_name_prefix="facelage-batches") as pool,
    ):
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            if len(rows) < 2:  # BatchNorm has no variance over a single face
                return
            step = -(-len(rows) // workers)
            parts = range(0, len(rows), step)
            made = pool.map(
                augmented, [rows[at : at + step] for at in parts], [start + at for at in parts]
            )
            crops = [to_input(np.concatenate(view), crop) for view in zip(*made, strict=True)]
            wanted = torch.from_numpy(targets[rows])
            if mixup:
                rng = np.random.default_rng((*seed, start, 1))
                crops, wanted = mix_similar(crops, wanted, mixup, rng)
            shown = chosen[start : start + len(rows)]
            yield Batch(crops[0], wanted, torch.from_numpy(weights[rows]), rows, crops[-1], shown)
