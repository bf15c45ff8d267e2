from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tiny
from facelage.data.align import normalise
from facelage.export.ranges import activation_ranges, best_range, linear_outputs, squared_error
from facelage.infer.session import AgeSession

values = arrays(
    np.float32,
    st.integers(2, 300),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False),
)


@given(values)
def test_no_range_is_worse_than_the_extremes(row: np.ndarray) -> None:
    low, high = best_range(row)
    full = min(float(row.min()), 0.0), max(float(row.max()), 0.0)
    assert full[0] <= low <= 0 <= high <= full[1]
    exact = row.astype(np.float64)
    assert squared_error(exact, low, high) <= squared_error(exact, *full)


@given(values, st.sampled_from([0.25, 0.5, 2.0, 4.0]))  # powers of two move no rounding
def test_the_error_grows_with_the_square_of_the_values(row: np.ndarray, factor: float) -> None:
    wide = row.astype(np.float64)
    once = squared_error(wide, -900.0, 900.0)
    assert squared_error(wide * factor, -900.0 * factor, 900.0 * factor) == pytest.approx(
        once * factor**2, rel=1e-6, abs=1e-9
    )


def test_a_lone_extreme_is_cut_off_and_an_even_spread_is_kept() -> None:
    random = np.random.default_rng(0)
    even = random.uniform(-1, 1, 20_000).astype(np.float32)
    assert best_range(even) == pytest.approx((even.min(), even.max()))
    lone = np.append(random.normal(0, 1, 400_000), [8.0]).astype(np.float32)
    low, high = best_range(lone)
    assert high < 7
    assert low == pytest.approx(lone.min(), rel=0.25)


def test_zero_stays_exact() -> None:
    row = np.zeros(10)
    for ends in ((0.0, 0.0), (-3.3, 7.1), (-0.001, 900.0), (-5.0, 0.0)):
        assert squared_error(row, *ends) == 0


def test_every_output_that_nothing_bounds_has_a_range() -> None:
    path = tiny.lively_onnx()
    model = onnx.load(path)
    names = linear_outputs(model)
    bounded = {name for node in model.graph.node if node.op_type == "Clip" for name in node.input}
    # MobileNetV2's 17 blocks end in a linear convolution, ten of them in a sum besides.
    assert len(names) == 27
    assert not bounded & set(names)
    crops = tiny.noise_crops(16)
    ranges = activation_ranges(model, iter([normalise(crops, AgeSession(path).crop)]))
    assert list(ranges) == names
    assert all(low <= 0 <= high and low < high for low, high in ranges.values())
    assert len(model.graph.output) == 1, "the model given is left as it was"
