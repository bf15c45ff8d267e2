"""Ranges for 8-bit activations: rare extremes are cut off where that costs least.

256 steps from the lowest to the highest value that ever occurred waste most of them on a
handful of places. A narrower range has finer steps and clips what lies outside; the best one
has the least mean squared error of the two together (Banner et al., NeurIPS 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facelage.export.layers import inner_values

if TYPE_CHECKING:
    import onnx

#: Values taken of each tensor and batch.
VALUES = 8192
_SHARES = tuple(1 - 0.05 * tried for tried in range(15))


def linear_outputs(model: onnx.ModelProto) -> list[str]:
    """Outputs of convolutions and sums that no ReLU6 bounds, in the graph's order."""
    clipped = {name for node in model.graph.node if node.op_type == "Clip" for name in node.input}
    return [
        name
        for node in model.graph.node
        if node.op_type in ("Conv", "Add")
        for name in node.output
        if name not in clipped
    ]


def activation_ranges(
    model: onnx.ModelProto, batches: Iterator[NDArray[np.float32]]
) -> dict[str, tuple[float, float]]:
    """The lowest and highest value that 8 bits should hold, for each of :func:`linear_outputs`.

    Parameters
    ----------
    batches:
        Normalised crops, each N x 3 x size x size, float32.
    """
    names = linear_outputs(model)
    random = np.random.default_rng(0)
    seen: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for _, found in inner_values(model, names, batches):
        for name, values in found.items():
            flat = values.reshape(-1)
            seen[name].append(flat[random.integers(0, flat.size, VALUES)])
    return {name: best_range(np.concatenate(parts)) for name, parts in seen.items()}


def best_range(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """The range with zero in it whose 256 steps give back N values best, by squared error."""
    exact = values.astype(np.float64)
    best = low, high = min(float(exact.min()), 0.0), max(float(exact.max()), 0.0)
    # One end at a time, twice: the two hardly depend on each other.
    for _ in range(2):
        for end in (0, 1):
            tried = [
                (low * share, best[1]) if end == 0 else (best[0], high * share) for share in _SHARES
            ]
            best = min(tried, key=lambda each: squared_error(exact, *each))
    return best


def squared_error(values: NDArray[np.float64], low: float, high: float) -> float:
    """Mean squared error of values after 8 bits from `low` to `high`."""
    step = max((high - low) / 255, 1e-12)
    zero = round(-low / step)
    held = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
    return float(((held - values) ** 2).mean())
