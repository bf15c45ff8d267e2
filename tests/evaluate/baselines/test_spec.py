from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from facelage.errors import ConfigError
from facelage.evaluate.baselines.cropping import BoxCrop
from facelage.evaluate.baselines.spec import InputSpec, OutputSpec

CROPS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)


def test_pixels_by_channel_order_mean_and_scale() -> None:
    spec = InputSpec("x", 16, BoxCrop(), "BGR", "NHWC", (1.0, 2.0, 3.0), 0.5)
    given_ = spec.prepare(CROPS)
    assert (given_.dtype, given_.shape) == (np.float32, spec.shape(3))
    red, blue = CROPS[1, 2, 3, [0, 2]].astype(float)
    # The mean is in the network's own order: the first is blue's.
    assert given_[1, 2, 3, 0] == pytest.approx((blue - 1) * 0.5)
    assert given_[1, 2, 3, 2] == pytest.approx((red - 3) * 0.5)


def test_layouts_hold_the_same_numbers() -> None:
    first = InputSpec("x", 16, BoxCrop()).prepare(CROPS)
    last = InputSpec("x", 16, BoxCrop(), layout="NHWC").prepare(CROPS)
    assert first.shape == (3, 3, 16, 16)
    assert np.array_equal(first.transpose(0, 2, 3, 1), last)
    assert np.array_equal(last, CROPS)
    assert first.flags["C_CONTIGUOUS"]


def test_years_times_scale() -> None:
    values = np.float32([[0.31], [0.07]])
    assert OutputSpec("years", scale=100.0).years(values) == pytest.approx([31, 7])
    # As OpenVINO gives it: one number in a 1 x 1 x 1 picture.
    assert OutputSpec("years").years(values.reshape(2, 1, 1, 1)) == pytest.approx([0.31, 0.07])
    assert OutputSpec("years").years(values[:, 0]) == pytest.approx([0.31, 0.07])


def test_columns_choose() -> None:
    values = np.float32([[9, 9, 40], [8, 8, 50]])
    assert OutputSpec("years", columns=(2, 3)).years(values).tolist() == [40, 50]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_pairs_count_the_yeses(ages: list[int]) -> None:
    older = np.arange(100) < np.array(ages)[:, None]
    scores = np.stack([np.where(older, -1.0, 2.0), np.where(older, 0.5, 1.0)], -1)
    values = np.concatenate([np.full((len(ages), 2), 7.0), scores.reshape(len(ages), 200)], 1)
    assert OutputSpec("argmax_pairs", columns=(2, 202)).years(values).tolist() == ages


def test_a_draw_is_a_no_and_nan_is_no_age() -> None:
    values = np.array([[1.0, 1.0, 0.0, 1.0], [np.nan, 1.0, 0.0, 1.0]])
    assert OutputSpec("argmax_pairs").years(values).tolist() == pytest.approx(
        [1.0, np.nan], nan_ok=True
    )


@given(arrays.arrays(np.float64, (4, 5), elements=st.floats(-50, 50)))
def test_an_expectation_lies_between_the_classes_ages(scores: np.ndarray) -> None:
    ages = (0.25, 1.0, 18.0, 40.0, 80.0)
    years = OutputSpec("expectation", ages=ages, softmax=True).years(scores)
    assert (years >= 0.25 - 1e-9).all()
    assert (years <= 80 + 1e-9).all()
    shifted = OutputSpec("expectation", ages=ages, softmax=True).years(scores + 1000)
    assert shifted == pytest.approx(years, abs=1e-6)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    plain = OutputSpec("expectation", ages=ages).years(probabilities)
    assert plain == pytest.approx(years, abs=1e-9)


def test_a_sure_class_is_its_age() -> None:
    years = OutputSpec("expectation", ages=(10.0, 20.0, 70.0)).years(np.eye(3))
    assert years.tolist() == [10, 20, 70]


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (OutputSpec("years"), (2, 2)),
        (OutputSpec("years", columns=(0, 2)), (2, 2)),
        (OutputSpec("years", columns=(4, 5)), (2, 3)),
        (OutputSpec("argmax_pairs"), (2, 3)),
        (OutputSpec("expectation", ages=(1.0, 2.0)), (2, 3)),
    ],
)
def test_outputs_that_do_not_fit(spec: OutputSpec, shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"does not fit its spec; got: shape \(2, .*expected: "):
        spec.years(np.zeros(shape))
