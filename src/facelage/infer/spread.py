"""How far off a face's age is likely to be, from what the network sees in it.

A second neuron beside the age's, on the same pooled features: small, blurred, covered or
unusual faces look different to the network from those that it gets right. Its numbers are
in the model file's metadata, so that the network keeps one output, the age; intervals are
as much wider as it says (:meth:`facelage.infer.intervals.Calibration.interval`).
:mod:`facelage.export.spread` fits it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelage.errors import WeightsError

#: The key of a model file's metadata that holds the neuron.
SPREAD_KEY = "facelage.spread"
#: What exported files call the pooled features, the last layer's input.
POOLED = "pooled"
#: Spreads stay within so many times what is usual, up and down.
MOST = 3.0


@dataclass(frozen=True, eq=False)
class SpreadNeuron:
    """The spread of a face is exp(features @ weights + bias), within 1 / 3 to 3.

    Attributes
    ----------
    weights:
        One for each pooled feature (F, float64).
    bias:
        Its constant.
    """

    weights: NDArray[np.float64]
    bias: float

    def __call__(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Spreads (N) of pooled features (N x F)."""
        return spreads(features @ self.weights + self.bias)

    def to_json(self) -> str:
        """The neuron as JSON: what model files carry."""
        # Five digits are far more than the errors that it was fitted to tell.
        weights = [float(f"{weight:.5g}") for weight in self.weights]
        return json.dumps({"weights": weights, "bias": round(self.bias, 6)})

    @classmethod
    def from_json(cls, text: str) -> SpreadNeuron:
        """Read back :meth:`to_json`.

        Raises
        ------
        WeightsError
            If the text is no neuron's.
        """
        try:
            values = json.loads(text)
            weights, bias = np.asarray(values["weights"], np.float64), float(values["bias"])
            if weights.ndim != 1 or not (np.isfinite(weights).all() and math.isfinite(bias)):
                raise ValueError("a row of numbers and one are expected")
        except (ValueError, TypeError, KeyError) as error:
            raise WeightsError(
                "the model's spread can't be read", got=f"{text[:80]!r} ({error})"
            ) from error
        return cls(weights, bias)


def spreads(logarithms: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Spreads of which these are the logarithms, within their limits."""
    limit = math.log(MOST)
    return np.asarray(np.exp(np.clip(logarithms, -limit, limit)), np.float64)
