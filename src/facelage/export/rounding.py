"""Weights on an 8-bit grid, rounded so that what a layer computes changes least.

Rounding each weight to its nearest grid value is best for the weight, not for the
layer's output: errors of weights whose inputs go together add up. Here each weight
is rounded in turn and the rest take up its error, as far as the layer's inputs on
real faces allow (Frantar et al., "GPTQ", ICLR 2023, after the optimal brain surgeon
of Hassibi and Stork, 1993).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Largest integer weight. -128 is left out, so that the grid is symmetric.
TOP = 127
#: Largest sum of two neighbours' integer weights of one sign. CPUs without VNNI add
#: products of pairs in 16 bits: 255 x 128 is the most that they hold.
PAIR_TOP = 128


def scales(weights: Floats, *, pairs: bool = True) -> Floats:
    """The step of each output channel's grid (O) for weights (O x K).

    Parameters
    ----------
    pairs:
        Keep sums of neighbouring integers within what 16 bits hold.
    """
    largest = np.abs(weights).max(1) / TOP
    if pairs and weights.shape[1] > 1:
        even = weights[:, : weights.shape[1] // 2 * 2].reshape(len(weights), -1, 2)
        positive, negative = np.maximum(even, 0).sum(2), np.maximum(-even, 0).sum(2)
        # Rounding may add half a step to each of the two.
        together = np.maximum(positive, negative).max(1) / (PAIR_TOP - 1)
        largest = np.maximum(largest, together)
    return np.where(largest > 0, largest, 1.0)


def round_weights(weights: Floats, steps: Floats, moments: Floats) -> Floats:
    """Integer weights (O x K) for the grid of `steps` (O).

    Parameters
    ----------
    weights:
        O x K: one row an output channel.
    moments:
        K x K: covariance of the layer's inputs; O x K x K where each output
        channel has inputs of its own. The means do not matter: the bias takes up
        what rounding changes on average.
    """
    own = moments if moments.ndim == 3 else moments[None]
    size = own.shape[-1]
    spread = np.trace(own, axis1=1, axis2=2) / size
    damped = own + np.eye(size) * (0.01 * spread + 1e-9)[:, None, None]
    order = np.argsort(-np.diagonal(damped, axis1=1, axis2=2).mean(0), kind="stable")
    inverse = np.linalg.inv(damped[:, order][:, :, order])
    # Row i of this factor tells how the later weights make up for an error of weight i.
    factor = np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2).transpose(0, 2, 1)
    rest = weights[:, order] / steps[:, None]
    rounded = np.empty_like(rest)
    for index in range(size):
        rounded[:, index] = np.clip(np.round(rest[:, index]), -TOP, TOP)
        error = (rest[:, index] - rounded[:, index]) / factor[:, index, index]
        rest[:, index + 1 :] -= error[:, None] * factor[:, index, index + 1 :]
    result = np.empty_like(rounded)
    result[:, order] = rounded
    return result
