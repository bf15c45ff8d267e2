"""A Keras model in a Python of its own: TensorFlow need not live beside facelage."""

from __future__ import annotations

import io
import os
import struct
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WORKER = Path(__file__).with_name("keras_worker.py")


class KerasRunner:
    """A saved Keras model behind `facelage.evaluate.baselines.runners.Runner`.

    One process runs as long as the object lives; arrays go to and fro as .npz
    files with their length before them.
    """

    def __init__(self, model: Path, python: Path) -> None:
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        self._process = subprocess.Popen(
            [str(python), str(WORKER), str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        shape = self._receive()["shape"]
        self.shapes = {"input": tuple(int(end) if end > 0 else None for end in shape)}

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        packed = io.BytesIO()
        np.savez(packed, **inputs)
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack("<q", packed.tell()) + packed.getvalue())
        self._process.stdin.flush()
        return self._receive()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _receive(self) -> dict[str, NDArray[np.float32]]:
        assert self._process.stdout is not None
        head = self._process.stdout.read(8)
        if len(head) < 8:
            raise RuntimeError(f"the Keras process ended with {self._process.wait(60)}")
        with np.load(io.BytesIO(self._process.stdout.read(struct.unpack("<q", head)[0]))) as data:
            return dict(data)
