"""The batches of one epoch, made ahead of time on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.train.augment import augment_batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (N x 3 x S x S, float32, normalised), ages (N, years), weights (N), rows (N)."""

    images: Tensor
    ages: Tensor
    weights: Tensor
    rows: NDArray[np.int64]


def to_input(crops: NDArray[np.uint8], crop: CropSpec) -> Tensor:
    """N x S x S x 3 uint8 to the network's input, as :func:`facelage.data.align.normalise`.

    The memory stays channels-last, in which convolutions on a CPU are fastest.
    """
    std = torch.tensor(crop.std)
    scale, offset = 1 / (255 * std), -torch.tensor(crop.mean) / std
    return (torch.from_numpy(crops).float() * scale + offset).permute(0, 3, 1, 2)


def epoch_batches(
    store: CropStore,
    order: NDArray[np.int64],
    ages: NDArray[np.float32],
    weights: NDArray[np.float32],
    crop: CropSpec,
    *,
    batch_size: int,
    size: int,
    level: str,
    seed: tuple[int, int],
    ahead: int = 3,
) -> Generator[Batch]:
    """Augmented batches in `order`, a last batch of one face left out.

    What happens to a face depends on `seed` and its place in the epoch only.
    """
    scale = size / crop.size

    def make(start: int) -> Batch:
        rows = order[start : start + batch_size]
        seeds = [(*seed, start + offset) for offset in range(len(rows))]
        images = augment_batch(store.batch(rows), size, level, seeds, scale)
        return Batch(
            to_input(images, crop),
            torch.from_numpy(ages[rows]),
            torch.from_numpy(weights[rows]),
            rows,
        )

    # BatchNorm has no variance over a single face.
    starts = [start for start in range(0, len(order), batch_size) if len(order) - start > 1]
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def produce() -> None:
        try:
            for start in starts:
                if stop.is_set():
                    return
                put(make(start))
            put(None)
        except BaseException as error:  # handed to the consumer, which raises it
            put(error)

    thread = threading.Thread(target=produce, name="facelage-batches", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
