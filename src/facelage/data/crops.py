"""Aligned crops by index: in memory while they fit, else read from disk again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.data.images import UInt8Image, load_image
from facelage.data.manifest import Manifest
from facelage.errors import ManifestError


class CropStore:
    """The prepared crops of a manifest, as uint8 batches.

    Parameters
    ----------
    manifest:
        Rows with a ``crop``; all crops have one size.
    memory_gb:
        Keep decoded crops in memory if they take up to this much (10^9 bytes).
    progress:
        Show a progress bar while decoding.

    Raises
    ------
    ManifestError
        If a row has no crop, or the crops differ in size.
    """

    def __init__(
        self, manifest: Manifest, *, memory_gb: float = 6.0, progress: bool = False
    ) -> None:
        self.paths: list[Path] = manifest.locate("crop")
        self.names: list[str] = list(manifest.frame["crop"])
        if not self.paths:
            raise ManifestError(
                "no crops to read", got="0 usable rows", fix="look at the report of `prepare`"
            )
        first = load_image(self.paths[0])
        self.shape: tuple[int, ...] = first.shape
        self._memory: NDArray[np.uint8] | None = None
        if len(self.paths) * first.nbytes <= memory_gb * 1e9:
            self._memory = self._decode_all(progress)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def in_memory(self) -> bool:
        """Whether the decoded crops are held in memory."""
        return self._memory is not None

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Crops by index: N x P x P x 3, RGB, uint8."""
        if self._memory is not None:
            return np.asarray(self._memory[np.asarray(indices)], np.uint8)
        if len(indices) == 1:  # a pool of threads costs more than one crop
            return self._read(int(indices[0]))[None]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return np.stack(list(pool.map(self._read, indices)))

    def canonical(
        self, indices: Sequence[int] | NDArray[np.int64], crop: CropSpec
    ) -> NDArray[np.uint8]:
        """The canonical crops in the middle of the padded ones: N x size x size x 3, RGB, uint8.

        Raises
        ------
        ManifestError
            If the prepared crops do not fit `crop`; see :meth:`check`.
        """
        pad = self.check(crop)
        middle = slice(pad, pad + crop.size)
        return np.ascontiguousarray(self.batch(indices)[:, middle, middle])

    def check(self, crop: CropSpec) -> int:
        """The padding in pixels of the prepared crops around `crop`.

        Raises
        ------
        ManifestError
            If they are not squares of the crop's size plus an even margin.
        """
        height, width = self.shape[:2]
        pad = (height - crop.size) // 2
        if height != width or pad < 0 or height != crop.size + 2 * pad:
            raise ManifestError(
                "the prepared crops do not fit the model",
                got=f"{width} x {height} px",
                expected=f"{crop.size} px plus an even margin",
                fix=f"facelage prepare --size {crop.size}",
            )
        return pad

    def _read(self, index: int) -> UInt8Image:
        crop = load_image(self.paths[index])
        if crop.shape != self.shape:
            raise ManifestError(
                "the crops differ in size",
                got=f"{self.names[index]}: {crop.shape}",
                expected=str(self.shape),
                fix="prepare all data sets with the same crop and pad",
            )
        return crop

    def _decode_all(self, progress: bool) -> NDArray[np.uint8]:
        from tqdm import tqdm

        memory = np.empty((len(self.paths), *self.shape), np.uint8)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            crops = pool.map(self._read, range(len(self.paths)))
            for index, crop in enumerate(
                tqdm(crops, total=len(self.paths), unit="img", desc="decode", disable=not progress)
            ):
                memory[index] = crop
        return memory
