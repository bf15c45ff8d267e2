from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError
from facelage.infer import FaceAge
from facelage.infer.video.smoothing import (
    MOST_FRAMES,
    AgeSmoother,
    SteadyNumber,
    face_weight,
    interquartile_mean,
)

ages = st.lists(st.floats(0, 100), min_size=1, max_size=30)


@given(ages, st.randoms(use_true_random=False))
def test_the_mean_lies_inside_and_order_does_not_matter(values: list[float], shuffle) -> None:
    weights = [1.0 + n for n in range(len(values))]
    mean = interquartile_mean(values, weights)
    assert min(values) <= mean <= max(values)
    order = list(range(len(values)))
    shuffle.shuffle(order)
    again = interquartile_mean([values[n] for n in order], [weights[n] for n in order])
    assert again == pytest.approx(mean, abs=1e-9)


@given(ages, st.floats(0.1, 10), st.floats(-20, 20))
def test_the_mean_moves_and_grows_with_the_ages(
    values: list[float], factor: float, shift: float
) -> None:
    ones = np.ones(len(values))
    moved = interquartile_mean(factor * np.array(values) + shift, ones)
    assert moved == pytest.approx(factor * interquartile_mean(values, ones) + shift, abs=1e-6)


@given(ages)
def test_a_face_that_counts_twice_is_two_faces(values: list[float]) -> None:
    twice = interquartile_mean(values * 2, np.ones(2 * len(values)))
    assert interquartile_mean(values, np.full(len(values), 2.0)) == pytest.approx(twice, abs=1e-6)


def test_the_mean_by_hand() -> None:
    assert interquartile_mean([90, 1, 2, 3], [1, 1, 1, 1]) == pytest.approx(2.5)
    assert interquartile_mean([10, 20], [1, 1]) == pytest.approx(15)
    assert interquartile_mean([10, 20], [3, 1]) == pytest.approx(10)


@given(st.floats(20, 60), st.integers(0, 2**20))
def test_blurred_frames_do_not_count(age: float, seed: int) -> None:
    """Every fifth frame is 30 years off; the rest errs by a year."""
    smoother, rng = AgeSmoother(math.inf), np.random.default_rng(seed)
    for number in range(200):
        wrong = 30.0 if number % 5 == 4 else 0.0
        smooth = smoother.add(age + rng.normal(0, 1) + wrong, 1.0, number / 30)
    assert abs(smooth - age) < 1.0  # the mean would be 6 years off


def test_the_age_settles_as_a_track_grows_older() -> None:
    rng = np.random.default_rng(0)
    early, late = [], []
    for _ in range(40):
        smoother = AgeSmoother()
        path = [smoother.add(40 + rng.normal(0, 2), 1.0, n / 30) for n in range(240)]
        early.append(path[4])
        late.append(path[-1])
    assert np.std(late) < 0.35 * np.std(early)
    assert np.abs(np.diff(path[120:])).max() < 0.1


def test_what_lies_behind_the_window_is_forgotten() -> None:
    smoother = AgeSmoother(window=2.0)
    for number in range(30):
        smoother.add(20.0, 1.0, number / 10)
    for number in range(30, 60):
        smooth = smoother.add(60.0, 1.0, number / 10)
    assert smooth == 60.0


def test_memory_is_flat() -> None:
    smoother = AgeSmoother(math.inf)
    for number in range(MOST_FRAMES + 5):
        smoother.add(30.0, 1.0, number)
    assert len(smoother._seen) == MOST_FRAMES


@given(ages)
def test_without_a_window_ages_are_as_they_come(values: list[float]) -> None:
    smoother = AgeSmoother(0)
    assert [smoother.add(age, 1.0, 0.0) for age in values] == values


def test_near_and_certain_faces_count_more() -> None:
    def face(side: float, score: float | None) -> FaceAge:
        return FaceAge(30.0, (0.0, 0.0, side, side), None, score, "yunet", "m")

    assert face_weight(face(200, 0.9)) > face_weight(face(200, 0.7)) > 0
    assert face_weight(face(200, 0.9)) > face_weight(face(40, 0.9)) > 0
    assert face_weight(face(200, 0.9)) == face_weight(face(400, 0.9))
    assert face_weight(face(200, None)) == 1.0
    assert face_weight(face(200, 0.0)) > 0
    smoother = AgeSmoother()
    for number in range(30):
        smoother.add(50.0, face_weight(face(30, 0.7)), number / 30)
        smooth = smoother.add(30.0, face_weight(face(150, 0.9)), number / 30)
    assert smooth == pytest.approx(30.0)


def test_a_negative_window_is_named() -> None:
    with pytest.raises(ConfigError, match="smoothing"):
        AgeSmoother(-1.0)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30))
def test_a_shown_number_is_near_and_changes_only_for_a_reason(values: list[float]) -> None:
    number = SteadyNumber()
    shown = [number.follow(value) for value in values]
    assert all(abs(a - b) <= 0.75 for a, b in zip(shown, values, strict=True))
    for before, after, value in zip(shown, shown[1:], values[1:], strict=False):
        assert after == before or abs(value - before) > 0.75


def test_a_shown_number_does_not_flicker() -> None:
    number = SteadyNumber()
    assert len({number.follow(30.5 + 0.2 * math.sin(n)) for n in range(50)}) == 1
