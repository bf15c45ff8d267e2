"""All there is to say about a peer's model: what goes in, how the face is cut, what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from facelage.errors import ConfigError
from facelage.evaluate.baselines.cropping import CropRule

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a network.

    Attributes
    ----------
    name:
        As the network calls it.
    size:
        Side in pixels, 16 to 1024.
    crop:
        How the face is cut out of the photo.
    colour:
        ``"RGB"`` or ``"BGR"``.
    layout:
        ``"NCHW"`` or ``"NHWC"``.
    mean, scale:
        The network is given ``(pixel - mean) * scale``, float32, with pixels in
        0..255; the mean a channel, in the order of `colour`.
    """

    name: str
    size: int
    crop: CropRule
    colour: str = "RGB"
    layout: str = "NCHW"
    mean: Triple = (0.0, 0.0, 0.0)
    scale: float = 1.0

    def shape(self, count: int) -> tuple[int, int, int, int]:
        """The shape of `count` faces."""
        if self.layout == "NCHW":
            return (count, 3, self.size, self.size)
        return (count, self.size, self.size, 3)

    def prepare(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's input (float32) from N x size x size x 3, RGB, uint8."""
        pixels = crops if self.colour == "RGB" else crops[..., ::-1]
        values = (pixels - np.asarray(self.mean, np.float32)) * np.float32(self.scale)
        if self.layout == "NCHW":
            values = values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(values, np.float32)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """How a network's output becomes years.

    Attributes
    ----------
    decode:
        ``"years"``: one number a face, times `scale`. ``"expectation"``: the sum
        over classes of probability times `ages`. ``"argmax_pairs"``: pairs of
        scores (no, yes) for "older than k"; the number of pairs whose second
        score is the larger.
    name:
        The output; the network's first by default.
    columns:
        The part (first, end) of a face's flattened output that counts; all of
        it by default.
    ages:
        Years of the classes.
    softmax:
        Whether the classes' scores need a softmax first.
    """

    decode: str
    name: str = ""
    scale: float = 1.0
    ages: tuple[float, ...] = ()
    columns: tuple[int, int] | None = None
    softmax: bool = False

    def years(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Years (N) from the network's output (N x ...).

        Raises
        ------
        ConfigError
            If the output's shape does not fit.
        """
        rows = np.asarray(values, np.float64).reshape(len(values), -1)
        if self.columns is not None:
            first, end = self.columns
            if end > rows.shape[1]:
                raise self._misfit(values, f"at least {end} numbers a face")
            rows = rows[:, first:end]
        if self.decode == "years":
            if rows.shape[1] != 1:
                raise self._misfit(values, "one number a face, or columns that choose one")
            return rows[:, 0] * self.scale
        if self.decode == "argmax_pairs":
            if rows.shape[1] % 2:
                raise self._misfit(values, "an even number of scores")
            pairs = rows.reshape(len(rows), -1, 2)
            counts = (pairs[:, :, 1] > pairs[:, :, 0]).sum(1).astype(np.float64)
            # A comparison with NaN is false, which would read as a young face.
            return np.where(np.isfinite(rows).all(1), counts, np.nan)
        if rows.shape[1] != len(self.ages):
            raise self._misfit(values, f"{len(self.ages)} classes, as the spec has ages")
        if self.softmax:
            rows = np.exp(rows - rows.max(1, keepdims=True))
            rows /= rows.sum(1, keepdims=True)
        return cast(NDArray[np.float64], rows @ np.asarray(self.ages))

    def _misfit(self, values: NDArray[Any], expected: str) -> ConfigError:
        return ConfigError(
            "the network's output does not fit its spec",
            got=f"shape {np.shape(values)} for decode = {self.decode!r}",
            expected=expected,
        )


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """All there is to say about a peer.

    Attributes
    ----------
    name:
        Name for tables.
    file:
        The weights, relative to the folder of weights: ``.onnx``, or the ``.xml``
        of an OpenVINO model.
    inputs, output:
        What goes in and what comes out.
    batch:
        Faces a run.
    sha256:
        Of the file, in hexadecimal; empty if it is not pinned.
    about:
        Free text for tables: version, licence, source, training data ...
    """

    name: str
    file: str
    inputs: tuple[InputSpec, ...]
    output: OutputSpec
    batch: int = 32
    sha256: str = ""
    about: dict[str, str] = field(default_factory=dict)
