from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage import metrics
from facelage.errors import ConfigError, InvalidArrayError
from facelage.metrics import (
    bootstrap_interval,
    paired_interval,
    percentiles,
    resampled_figures,
    summary_intervals,
)

FIGURES = {
    "mae": metrics.mae,
    "median_error": metrics.median_error,
    "macro_mae": metrics.macro_mae,
    "mse": metrics.mse,
    "rmse": metrics.rmse,
    "bias": metrics.bias,
    "top1": metrics.top1,
    "cs5": lambda true, predicted: metrics.cs(true, predicted, 5),
    "cs10": lambda true, predicted: metrics.cs(true, predicted, 10),
}


def faces(count: int = 200, seed: int = 0, spread: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 90, count)
    return true, true + rng.normal(1, spread, count)


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_the_interval_contains_the_figure(seed: int) -> None:
    true, predicted = faces(seed=seed)
    for name, (low, high) in summary_intervals(true, predicted, rounds=200).items():
        assert low <= FIGURES[name](true, predicted) <= high, name
        assert low < high, name


@pytest.mark.parametrize("name", FIGURES)
def test_the_summarys_intervals_are_those_of_each_figure(name: str) -> None:
    true, predicted = faces()
    options: dict[str, Any] = {"rounds": 150, "coverage": 0.9, "seed": 7}
    together = summary_intervals(true, predicted, **options)
    assert set(together) == set(FIGURES)
    alone = bootstrap_interval(FIGURES[name], true, predicted, **options)
    assert together[name] == pytest.approx(alone, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_the_median_of_even_and_odd_numbers_of_faces_is_resampled_exactly(count: int) -> None:
    true, predicted = faces(count=count)
    drawn = np.random.default_rng(3)
    wanted = []
    for _ in range(40):
        rows = drawn.integers(0, count, count)
        wanted.append(metrics.median_error(true[rows], predicted[rows]))
    found = resampled_figures(true, predicted, rounds=40, seed=3)["median_error"]
    assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("name", FIGURES)
def test_two_models_are_drawn_the_same_faces(name: str) -> None:
    true, first = faces()
    second = first + np.random.default_rng(9).normal(0, 3, len(first))
    one, other = (resampled_figures(true, p, rounds=100, seed=4)[name] for p in (first, second))
    paired = paired_interval(FIGURES[name], true, first, second, rounds=100, seed=4)
    assert percentiles(one - other) == pytest.approx(paired, rel=1e-9, abs=1e-12)


def test_faces_below_the_first_decade_are_in_no_band() -> None:
    figures = resampled_figures([-1.0, -2.0], [0.0, 0.0], rounds=5)
    assert np.isnan(figures["macro_mae"]).all()
    assert np.isfinite(figures["mae"]).all()


def intervals(seed: int) -> list[object]:
    true, predicted = faces()
    other = predicted + 1
    return [
        bootstrap_interval(metrics.mae, true, predicted, rounds=50, seed=seed),
        summary_intervals(true, predicted, rounds=50, seed=seed),
        paired_interval(metrics.mae, true, predicted, other, rounds=50, seed=seed),
    ]


def test_a_seed_decides_the_interval() -> None:
    assert intervals(1) == intervals(1)
    assert all(one != other for one, other in zip(intervals(1), intervals(2), strict=True))


def test_every_face_a_group_of_its_own_is_no_groups_at_all() -> None:
    true, predicted = faces()
    plain = summary_intervals(true, predicted, rounds=50)
    for groups in ([""] * 200, [None] * 200, range(200)):
        assert summary_intervals(true, predicted, groups=list(groups), rounds=50) == plain


@pytest.mark.parametrize("name", FIGURES)
def test_groups_are_drawn_with_all_their_faces(name: str) -> None:
    true, predicted = faces(60)
    owner = np.r_[np.arange(40) % 7, 100 + np.arange(20)]  # the last 20 have no group
    names = [str(number) if number < 100 else "" for number in owner]
    drawn = np.random.default_rng(3)
    units = list(dict.fromkeys(owner))
    wanted = []
    for _ in range(40):
        rows = np.concatenate(
            [np.flatnonzero(owner == units[i]) for i in drawn.integers(0, 27, 27)]
        )
        wanted.append(FIGURES[name](true[rows], predicted[rows]))
    found = resampled_figures(true, predicted, groups=names, rounds=40, seed=3)[name]
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    options: dict[str, Any] = {"groups": names, "rounds": 40, "seed": 3}
    ends = pytest.approx(percentiles(np.array(wanted)), rel=1e-9, abs=1e-12)
    assert bootstrap_interval(FIGURES[name], true, predicted, **options) == ends
    assert summary_intervals(true, predicted, **options)[name] == ends
    second = predicted + np.random.default_rng(9).normal(0, 3, 60)
    one, other = (resampled_figures(true, p, **options)[name] for p in (predicted, second))
    paired = paired_interval(FIGURES[name], true, predicted, second, **options)
    assert paired == pytest.approx(percentiles(one - other), rel=1e-9, abs=1e-12)


def test_photos_of_few_people_say_less_than_their_number() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 10)
    true = rng.uniform(10, 80, 400)
    predicted = true + rng.normal(0, 6, 40)[people]  # as wrong on every photo of a person

    def width(**options: Any) -> float:
        low, high = bootstrap_interval(metrics.bias, true, predicted, rounds=500, **options)
        return high - low

    assert width(groups=people) == pytest.approx(10**0.5 * width(), rel=0.15)


def test_the_global_generator_is_neither_used_nor_moved() -> None:
    np.random.seed(1)  # noqa: NPY002 - the global generator is what must stay as it is
    first = intervals(1)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert intervals(1) == first
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_the_interval_is_as_wide_as_theory_says() -> None:
    true, predicted = faces(count=400)
    low, high = bootstrap_interval(metrics.bias, true, predicted, rounds=4000)
    deviation = np.std(predicted - true) / np.sqrt(400)
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.06)


def test_more_coverage_is_wider_and_more_faces_narrower() -> None:
    def width(count: int, coverage: float) -> float:
        low, high = bootstrap_interval(metrics.mae, *faces(count), coverage=coverage, rounds=500)
        return high - low

    assert width(200, 0.5) < width(200, 0.8) < width(200, 0.99)
    assert width(2000, 0.95) < width(200, 0.95) / 2


def test_one_face_has_an_interval_without_width() -> None:
    assert bootstrap_interval(metrics.mae, [10], [13], rounds=5) == (3, 3)


def test_a_paired_interval_sees_a_small_but_certain_difference() -> None:
    true, predicted = faces()
    better = true + 0.98 * (predicted - true)
    low, high = paired_interval(metrics.mae, true, predicted, better, rounds=300)
    assert 0 < low < high
    one, other = (bootstrap_interval(metrics.mae, true, p, rounds=300) for p in (predicted, better))
    assert one[0] < other[1]  # which two intervals of their own can't tell apart


def test_a_model_does_not_differ_from_itself() -> None:
    true, predicted = faces()
    assert paired_interval(metrics.mae, true, predicted, predicted, rounds=20) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"rounds": 0}, "rounds"), ({"coverage": 0.0}, "coverage"), ({"coverage": 1.0}, "coverage")],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], name: str) -> None:
    for call in (
        lambda: bootstrap_interval(metrics.mae, [1], [1], **changes),
        lambda: summary_intervals([1], [1], **changes),
        lambda: paired_interval(metrics.mae, [1], [1], [1], **changes),
    ):
        with pytest.raises(ConfigError, match=f"{name} is out of range"):
            call()


def test_bad_input_is_a_named_error() -> None:
    for call in (
        lambda: bootstrap_interval(metrics.mae, [], []),
        lambda: summary_intervals([1, 2], [1]),
        lambda: paired_interval(metrics.mae, [1], [1], [float("nan")]),
        lambda: summary_intervals([1, 2], [1, 2], groups=["a"]),
        lambda: paired_interval(metrics.mae, [1], [1], [2], groups=["a", "b"]),
    ):
        with pytest.raises(InvalidArrayError):
            call()
