"""A model described by a spec, run on given faces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.detect.base import Detection
from facelage.data.images import UInt8Image
from facelage.errors import ChecksumError, ConfigError, FacelageError
from facelage.evaluate.baselines.cropping import check_lengths, cut
from facelage.evaluate.baselines.reading import load_spec
from facelage.evaluate.baselines.runners import Runner, open_runner
from facelage.evaluate.baselines.spec import PeerSpec
from facelage.files import sha256


class OnnxPeer:
    """Another project's age model, cropped and decoded as its spec says.

    Parameters
    ----------
    spec:
        The spec.
    runner:
        The network.

    Raises
    ------
    ConfigError
        If the network has other inputs than the spec.
    """

    def __init__(self, spec: PeerSpec, runner: Runner) -> None:
        self.spec = spec
        self.name = spec.name
        self._runner = runner
        self._batch = spec.batch
        shapes = runner.shapes
        if sorted(shapes) != sorted(item.name for item in spec.inputs):
            raise ConfigError(
                f"{spec.name}: the network has other inputs than its spec",
                got=", ".join(item.name for item in spec.inputs),
                expected=", ".join(shapes),
            )
        for item in spec.inputs:
            # A network that was exported for a batch of its own takes that many.
            own = shapes[item.name][0] if shapes[item.name] else None
            self._batch = 1 if own == 1 else self._batch
            wanted = item.shape(own or 1)
            given = shapes[item.name]
            if (
                own not in (None, 1)
                or len(given) != 4
                or any(end not in (None, right) for end, right in zip(given, wanted, strict=True))
            ):
                raise ConfigError(
                    f"{spec.name}: input {item.name!r} has another shape than its spec",
                    got=f"size {item.size}, layout {item.layout}",
                    expected=f"{tuple('N' if end is None else end for end in given)}",
                )

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        weights: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> OnnxPeer:
        """Open a spec and the weights that it names.

        Parameters
        ----------
        path:
            The ``.toml`` file.
        weights:
            The folder that the spec's ``file`` is relative to; the spec's own by
            default.
        threads:
            Threads of one run.

        Raises
        ------
        ConfigError
            If the spec is wrong, or does not fit the network.
        WeightsError
            If the weights are missing or broken.
        ChecksumError
            If they are not the ones that the spec pins.
        """
        spec = load_spec(path)
        file = Path(weights if weights is not None else Path(path).parent) / spec.file
        if spec.sha256 and file.is_file() and (found := sha256(file)) != spec.sha256:
            raise ChecksumError(
                f"{file.name} is not the file that the spec was written for",
                got=found,
                expected=spec.sha256,
            )
        return cls(spec, open_runner(file, threads))

    def predict_faces(
        self, images: Sequence[UInt8Image], faces: Sequence[Detection | None]
    ) -> NDArray[np.float64]:
        """Ages of one face an image.

        Parameters
        ----------
        images:
            N photos, H x W x 3, RGB, uint8.
        faces:
            The face of each, in its pixels; None where none was found.

        Returns
        -------
        numpy.ndarray
            N years, float64; NaN where the face can't be cut or the network
            gives no finite age.

        Raises
        ------
        InvalidArrayError
            If there are not as many faces as images.
        ConfigError
            If the network's output does not fit the spec.
        """
        check_lengths(images, faces)
        years = np.full(len(images), np.nan)
        for start in range(0, len(images), self._batch):
            rows: list[int] = []
            crops: list[list[UInt8Image]] = []
            for row in range(start, min(start + self._batch, len(images))):
                face = faces[row]
                if face is None:
                    continue
                try:
                    crops.append(
                        [cut(images[row], face, item.size, item.crop) for item in self.spec.inputs]
                    )
                except (FacelageError, cv2.error):
                    continue
                rows.append(row)
            if rows:
                years[rows] = self._ages(crops)
        years[~np.isfinite(years)] = np.nan
        return years

    def _ages(self, crops: list[list[UInt8Image]]) -> NDArray[np.float64]:
        inputs = {
            item.name: item.prepare(np.stack([face[number] for face in crops]))
            for number, item in enumerate(self.spec.inputs)
        }
        outputs = self._runner.run(inputs)
        name = self.spec.output.name or next(iter(outputs))
        if name not in outputs:
            raise ConfigError(
                f"{self.name}: the network has no such output",
                got=repr(name),
                expected=", ".join(outputs),
            )
        return self.spec.output.years(outputs[name])
