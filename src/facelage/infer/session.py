"""An age model in ONNX Runtime, with the crop that it carries."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec, as_crops, normalise
from facelage.errors import ConfigError, WeightsError
from facelage.infer.intervals import CALIBRATION_KEY, Calibration
from facelage.infer.spread import POOLED, SPREAD_KEY, SpreadNeuron
from facelage.models.weights import CROP_KEY, NAME_KEY
from facelage.onnx_sessions import open_session, with_output

#: Crops a run on a CPU: what the first layers make of more does not fit its cache. Of 32 at once
#: a face took 6 % longer in float32 and 9 % in int8 (one thread, Intel Xeon).
CPU_RUN = 8


class AgeSession:
    """Runs an ONNX age model on crops: one that takes them normalised, or a self-contained one.

    Created once and used from any number of threads; pickles as its path and
    settings, so that worker processes open sessions of their own.

    Parameters
    ----------
    path:
        An ONNX file with a crop in its metadata, as ``facelage export`` writes it.
    providers:
        ONNX Runtime execution providers by preference; the CPU by default.
    threads:
        Threads of one run; ONNX Runtime's choice by default.
    flip:
        Answer with the mean age of each crop and its mirror image: a little more
        accurate, at twice the time (``benchmarks/accuracy/flip.py``).

    Raises
    ------
    WeightsError
        If the file is missing, broken or without a crop.
    ConfigError
        If a provider or the number of threads is not available.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        flip: bool = False,
    ) -> None:
        self.path = Path(path)
        self.providers = list(providers) if providers is not None else ["CPUExecutionProvider"]
        self.threads = threads
        self.flip = flip
        self._open()

    def _open(self) -> None:
        import onnxruntime as ort

        if self.threads is not None and self.threads < 1:
            raise ConfigError(
                "threads is out of range", got=str(self.threads), expected="1 or more"
            )
        missing = [name for name in self.providers if name not in ort.get_available_providers()]
        if missing:
            raise ConfigError(
                "this ONNX Runtime lacks a provider",
                got=", ".join(missing),
                expected=", ".join(ort.get_available_providers()),
            )
        if not self.path.is_file():
            raise WeightsError("there is no model file", got=str(self.path))
        try:
            content = self.path.read_bytes()
            asked = with_output(content, POOLED) if SPREAD_KEY.encode() in content else self.path
            self._session: Any = open_session(asked, threads=self.threads, providers=self.providers)
        except Exception as error:  # ONNX Runtime's classes are not public
            raise WeightsError(
                "the model file can't be loaded",
                got=f"{self.path}: {str(error).splitlines()[0]}",
                expected="an ONNX file written by `facelage export`",
            ) from error
        # ONNX Runtime goes on without a provider that fails to start, with a log line at most.
        lost = [name for name in self.providers if name not in self._session.get_providers()]
        if lost:
            raise ConfigError(
                "an execution provider did not start",
                got=", ".join(lost),
                expected=", ".join(self._session.get_providers()),
                fix="install what the provider needs, or leave it out",
            )
        metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        if CROP_KEY not in metadata:
            raise WeightsError(
                "the model file does not say which crop it was trained on",
                got=f"{self.path} without the metadata {CROP_KEY!r}",
                expected="an ONNX file written by `facelage export`",
            )
        self.crop = CropSpec.from_json(metadata[CROP_KEY])
        self.name = metadata.get(NAME_KEY) or self.path.stem
        self.metadata: dict[str, str] = metadata
        text = metadata.get(CALIBRATION_KEY)
        #: How far its ages are off on unseen faces; None for a model without one.
        self.calibration = Calibration.from_json(text) if text else None
        text = metadata.get(SPREAD_KEY)
        #: How far off it is on such a face, over what is usual; None for a model that does not say.
        self.spread = SpreadNeuron.from_json(text) if text else None
        image = self._session.get_inputs()[0]
        self._input = image.name
        #: Whether the file takes crops of any size as they are; see
        #: :func:`facelage.export.export_self_contained`.
        self.self_contained: bool = image.type == "tensor(uint8)"
        self._lock = threading.Lock()
        self._beside: AgeSession | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "providers", "threads", "flip")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def beside_threads(self) -> AgeSession:
        """What to run where other threads have the cores: this, or the same on one thread.

        A session that was given its number of threads is used as it is. The other
        is opened at the first call, and kept.
        """
        if self.threads is not None:
            return self
        with self._lock:
            if self._beside is None:
                self._beside = AgeSession(
                    self.path, providers=self.providers, threads=1, flip=self.flip
                )
            return self._beside

    def ages(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Ages in years (N, float64, at least 0) of crops (N x size x size x 3, RGB, uint8).

        A self-contained model takes crops of any one size.
        """
        return self.answers(crops)[:, 0]

    def answers(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Ages and spreads (N x 2, float64) of crops as for :meth:`ages`.

        A spread is how far off such faces usually are, over what is usual at that age: for
        :meth:`facelage.infer.intervals.Calibration.interval`. 1 from a model without one.
        """
        if len(crops) == 0:
            return np.empty((0, 2), np.float64)
        crops = as_crops(crops, None if self.self_contained else self.crop.size)
        size = CPU_RUN if self.providers == ["CPUExecutionProvider"] else len(crops)
        parts = [self._few(crops[start : start + size]) for start in range(0, len(crops), size)]
        return np.maximum(np.concatenate(parts), 0.0)

    def _few(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = self._run(crops)
        if self.flip:
            found = (found + self._run(np.ascontiguousarray(crops[..., ::-1, :]))) / 2
        return found

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        images = crops if self.self_contained else normalise(crops, self.crop)
        years, *pooled = self._session.run(None, {self._input: images})
        answers = np.ones((len(images), 2), np.float64)
        answers[:, 0] = np.reshape(years, -1)
        if self.spread is not None:
            answers[:, 1] = self.spread(pooled[0])
        return answers
