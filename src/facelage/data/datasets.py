"""Prepared faces as a torch Dataset, for training loops other than facelage's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest


class FaceAgeDataset(Dataset[tuple[Any, float]]):
    """Aligned crops and ages of a prepared manifest.

    Parameters
    ----------
    manifest:
        A manifest from :func:`facelage.data.prepare.prepare`.
    split:
        ``"train"``, ``"val"``, ``"test"``, or None for every usable row.
    transform:
        Applied to the crop, such as torchvision's ``v2`` transforms; None gives
        the uint8 tensor. The crops carry the padding that they were prepared
        with.

    Notes
    -----
    Each item is the crop (3 x P x P, RGB, uint8, before `transform`) and the
    age in years (float). Crops are read from disk when asked for, so that a
    DataLoader's workers share no memory.

    Raises
    ------
    ManifestError
        If the split is unknown or empty, or a row has no crop.
    """

    def __init__(
        self,
        manifest: Manifest,
        split: str | None = None,
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        rows = manifest.usable(split)
        self.ages = rows.ages()
        self.transform = transform
        self._store = CropStore(rows, memory_gb=0.0)

    def __len__(self) -> int:
        return len(self.ages)

    def __getitem__(self, index: int) -> tuple[Any, float]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        pixels = self._store.batch([index % len(self)])[0]
        crop = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return (self.transform(crop) if self.transform else crop), float(self.ages[index])
