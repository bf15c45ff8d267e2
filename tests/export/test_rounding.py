from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facelage.export.rounding import PAIR_TOP, TOP, round_weights, scales

weights = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 9)),
    elements=st.floats(-9, 9, width=32),
)


def pairs(rounded: np.ndarray) -> np.ndarray:
    even = rounded[:, : rounded.shape[1] // 2 * 2].reshape(len(rounded), -1, 2)
    return np.abs(even.sum(2))


@given(weights)
def test_without_correlation_each_weight_goes_to_its_nearest(values: np.ndarray) -> None:
    steps = scales(values, pairs=False)
    rounded = round_weights(values, steps, np.eye(values.shape[1]))
    assert np.array_equal(rounded, np.round(rounded))
    assert np.abs(rounded).max() <= TOP
    assert np.all(np.abs(rounded * steps[:, None] - values) <= steps[:, None] * 0.5001)


@given(weights)
def test_neighbours_sums_fit_16_bits(values: np.ndarray) -> None:
    rounded = round_weights(values, scales(values), np.eye(values.shape[1]))
    assert np.all(pairs(rounded) <= PAIR_TOP)


@given(arrays(np.int8, (3, 6), elements=st.integers(-60, 60)), st.floats(0.01, 10))
def test_weights_on_the_grid_stay(integers: np.ndarray, step: float) -> None:
    noise = np.random.default_rng(0).normal(size=(50, 6))
    rounded = round_weights(integers * step, np.full(3, step), noise.T @ noise)
    assert np.array_equal(rounded, integers)


def test_correlated_inputs_lose_less_than_by_nearest_rounding() -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(2000, 4)) @ random.normal(size=(4, 48))
    values = random.normal(size=(32, 48))
    steps = scales(values) * 8  # a coarse grid
    nearest = np.round(values / steps[:, None]) * steps[:, None]
    covariance = inputs.T @ inputs / len(inputs)
    better = round_weights(values, steps, covariance) * steps[:, None]

    def lost(other: np.ndarray) -> float:
        return float((((values - other) @ inputs.T) ** 2).mean())

    assert lost(better) < 0.25 * lost(nearest)


def test_channels_with_inputs_of_their_own_are_rounded_alone() -> None:
    random = np.random.default_rng(1)
    values, inputs = random.normal(size=(3, 9)), random.normal(size=(3, 500, 9))
    inputs += random.normal(size=(3, 500, 1)) * 3
    moments = inputs.swapaxes(1, 2) @ inputs
    steps = scales(values, pairs=False)
    together = round_weights(values, steps, moments)
    for row in range(3):
        alone = round_weights(values[row : row + 1], steps[row : row + 1], moments[row])
        # The order of rounding is shared, so only the outcome's quality is the same.
        error = (values[row] - together[row] * steps[row]) @ inputs[row].T
        error_alone = (values[row] - alone[0] * steps[row]) @ inputs[row].T
        assert error.std() < 1.5 * error_alone.std() + 1e-9


def test_a_channel_of_zeros_has_a_grid() -> None:
    zeros = np.zeros((2, 4))
    assert np.array_equal(round_weights(zeros, scales(zeros), np.eye(4)), zeros)
