from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.errors import ConfigError, InvalidArrayError, WeightsError
from facelage.infer.intervals import FEWEST, Calibration


def people(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted ages whose errors grow with the predicted age, skewed and biased."""
    rng = np.random.default_rng(seed)
    predicted = rng.gamma(4, 9, n)
    error = (rng.gamma(2, 1, n) - 1.5) * (1 + predicted / 15)
    return np.maximum(predicted + error, 0), predicted


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return Calibration.fit(*people(4000, 0), balance=0.0)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_new_faces_are_covered_as_promised(coverage: float, calibration: Calibration) -> None:
    true, predicted = people(20_000, 1)
    low, high = calibration.interval(predicted, coverage).T
    inside = (low <= true) & (true <= high)
    assert inside.mean() == pytest.approx(coverage, abs=0.015)
    # The errors of the old are five times those of the young, and so is the width.
    for start in (0, 20, 40, 60):
        band = (predicted >= start) & (predicted < start + 20)
        assert inside[band].mean() == pytest.approx(coverage, abs=0.05)
    assert (true < low).mean() == pytest.approx((1 - coverage) / 2, abs=0.015)


def crowd(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Many adults and few teenagers, the latter taken for young adults."""
    rng = np.random.default_rng(seed)
    adults = rng.random(n) < 0.95
    true = np.where(adults, rng.uniform(20, 60, n), rng.uniform(14, 18, n))
    return true, np.maximum(true, 22) + rng.normal(0, 2, n)


def test_balance_covers_the_rare_and_keeps_the_promise() -> None:
    true, predicted = crowd(20_000, 1)
    teenagers, covered = true < 20, {}
    for balance in (0.0, 0.75):
        calibration = Calibration.fit(*crowd(4000, 0), balance=balance, even=0)
        low, high = calibration.interval(predicted).T
        inside = (low <= true) & (true <= high)
        assert inside.mean() == pytest.approx(0.9, abs=0.02)
        covered[balance] = inside[teenagers].mean()
    assert covered[0.75] > covered[0.0] + 0.05


@pytest.mark.parametrize("n", [FEWEST, 250, 1000])
def test_few_faces_keep_the_promise_on_average(n: int) -> None:
    true, predicted = people(20_000, 999)
    shares = []
    for seed in range(20):
        low, high = Calibration.fit(*people(n, seed)).interval(predicted).T
        shares.append(((low <= true) & (true <= high)).mean())
    # A single calibration's share scatters as the beta distribution says (Vovk, 2012).
    scatter = math.sqrt(0.9 * 0.1 / n / len(shares))
    assert abs(np.mean(shares) - 0.9) <= 3 * scatter


def test_one_wrong_label_does_not_rule_the_intervals() -> None:
    widened = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        true = np.minimum(rng.gamma(4, 9, 1500), 80)
        predicted = np.maximum(true + rng.normal(0, 5, len(true)), 0)
        widths = []
        for labels in ([], [90.0]):
            looks = np.full(len(labels), 44.0)
            fitted = Calibration.fit(np.append(true, labels), np.append(predicted, looks))
            widths.append(float(np.diff(fitted.interval(44.0))[0]))
        widened.append(widths[1] / widths[0])
    # 1.23; 1.40 when a face may count for any share.
    assert np.mean(widened) < 1.28


@given(age=st.floats(0, 110), coverage=st.floats(0.1, 0.98))
def test_files_with_one_scale_have_it_on_both_sides(age: float, coverage: float) -> None:
    residuals = [n / 10 for n in range(-50, 51)]
    old = json.dumps({"knots": [0, 50], "scales": [1, 3], "residuals": residuals})
    new = Calibration((0.0, 50.0), (1.0, 3.0), (1.0, 3.0), tuple(residuals))
    assert Calibration.from_json(old).interval(age, coverage) == pytest.approx(
        new.interval(age, coverage)
    )


@given(age=st.floats(0, 110), wider=st.floats(1.1, 5), coverage=st.floats(0.5, 0.98))
def test_each_scale_moves_its_own_end(age: float, wider: float, coverage: float) -> None:
    residuals = tuple(n / 10 for n in range(-50, 51))
    even = Calibration((0.0,), (1.0,), (1.0,), residuals).interval(age, coverage)
    older = Calibration((0.0,), (1.0,), (wider,), residuals).interval(age, coverage)
    assert older[0] == even[0]
    assert older[1] - age == pytest.approx(wider * (even[1] - age))


@given(
    age=st.floats(0, 110),
    coverages=st.tuples(st.floats(0.02, 0.99), st.floats(0.02, 0.99)),
    seed=st.integers(0, 20),
)
@settings(max_examples=50)
def test_more_coverage_is_never_narrower(
    age: float, coverages: tuple[float, float], seed: int
) -> None:
    calibration = Calibration.fit(*people(500, seed))
    (a, b), (c, d) = (calibration.interval(age, share) for share in sorted(coverages))
    assert 0 <= c <= a <= b <= d


@given(
    residuals=st.lists(st.floats(-30, 30), min_size=60, max_size=200),
    coverage=st.floats(0.05, 0.95),
)
@settings(max_examples=40)
def test_it_is_mapies_split_conformal_interval(residuals: list[float], coverage: float) -> None:
    from mapie.conformity_scores import AbsoluteConformityScore
    from mapie.regression import SplitConformalRegressor
    from sklearn.dummy import DummyRegressor

    n = len(residuals)
    constant = DummyRegressor(strategy="constant", constant=[50.0]).fit([[0.0]], [50.0])
    mapie: Any = SplitConformalRegressor(
        constant, coverage, conformity_score=AbsoluteConformityScore(sym=False), prefit=True
    )
    mapie.conformalize(np.zeros((n, 1)), 50.0 + np.asarray(residuals))
    _, ends = mapie.predict_interval(np.zeros((1, 1)))
    own = Calibration((0.0,), (1.0,), (1.0,), tuple(sorted(residuals))).interval(50.0, coverage)
    assert own == pytest.approx(np.maximum(ends[0, :, 0], 0), abs=1e-9)


@given(age=st.floats(0, 110), first=st.floats(-5, 130), second=st.floats(-5, 130))
def test_fewer_people_reach_a_higher_age(
    age: float, first: float, second: float, calibration: Calibration
) -> None:
    low, high = sorted((first, second))
    chances = [float(calibration.probability_at_least(age, t)) for t in (low, high)]
    assert 1 >= chances[0] >= chances[1] > 0
    for threshold, chance in zip((low, high), chances, strict=True):
        assert (chance == 1) is (threshold <= 0)  # nobody is younger than 0


def test_probabilities_are_those_of_new_faces(calibration: Calibration) -> None:
    true, predicted = people(20_000, 2)
    chance = calibration.probability_at_least(predicted, 18)
    for start in (0.1, 0.3, 0.5, 0.7, 0.9):
        band = np.abs(chance - start) < 0.1
        assert (true[band] >= 18).mean() == pytest.approx(chance[band].mean(), abs=0.06)


@given(coverage=st.floats(0.05, 0.95), age=st.floats(20, 90))
def test_the_ends_have_the_probability_outside(
    coverage: float, age: float, calibration: Calibration
) -> None:
    low, high = calibration.interval(age, coverage)
    tail = (1 - coverage) / 2
    if low > 0:
        assert float(calibration.probability_at_least(age, low)) == pytest.approx(
            1 - tail, abs=0.01
        )
    assert float(calibration.probability_at_least(age, high)) == pytest.approx(tail, abs=0.01)


def test_the_order_of_faces_does_not_matter(calibration: Calibration) -> None:
    true, predicted = people(4000, 0)
    shuffled = np.random.default_rng(0).permutation(4000)
    again = Calibration.fit(true[shuffled], predicted[shuffled], balance=0.0)
    assert again == calibration


def test_json_keeps_every_number(calibration: Calibration) -> None:
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"knots": [0], "low_scales": [1], "high_scales": [0], "residuals": [1]}',
        '{"knots": [0], "low_scales": [0], "high_scales": [1], "residuals": [1]}',
        '{"knots": [0], "low_scales": [1], "residuals": [1]}',
        '{"knots": [0], "low_scales": [1], "high_scales": [1, 1], "residuals": [1]}',
        '{"knots": [1, 0], "scales": [1, 1], "residuals": [1]}',
        '{"knots": [0], "scales": [1], "residuals": [2, 1]}',
        '{"knots": [0], "scales": [1], "residuals": [NaN]}',
        '{"knots": [0], "scales": [1], "residuals": []}',
        '{"knots": [0], "scales": [1], "residuals": ["a"]}',
        '{"knots": [0], "scales": [1], "residuals": [1], "more": [1]}',
    ],
)
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(WeightsError, match="calibration"):
        Calibration.from_json(text)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, math.nan])
def test_impossible_coverage_is_refused(coverage: float, calibration: Calibration) -> None:
    with pytest.raises(ConfigError, match="coverage is out of range"):
        calibration.interval(30.0, coverage)


def test_coverage_beyond_the_calibration_faces_is_refused(calibration: Calibration) -> None:
    assert calibration.interval(30.0, 0.999).shape == (2,)
    with pytest.raises(ConfigError, match=r"too near 1; got: 0\.9999; expected: at most 0\.9995"):
        calibration.interval(30.0, 0.9999)


@pytest.mark.parametrize("n", [FEWEST, 250, 2749])
def test_the_largest_coverage_that_is_named_is_not_refused(n: int) -> None:
    few = Calibration((0.0,), (1.0,), (1.0,), tuple(range(n)))
    with pytest.raises(ConfigError, match="too near 1") as error:
        few.interval(30.0, 0.99999)
    named = re.search(r"at most (0\.\d+)", str(error.value))
    assert named is not None
    assert few.interval(30.0, float(named[1])).shape == (2,)


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        (np.zeros(FEWEST - 1), np.zeros(FEWEST - 1)),
        (np.zeros(FEWEST), np.zeros(FEWEST + 1)),
        (np.zeros((FEWEST, 1)), np.zeros((FEWEST, 1))),
        (np.full(FEWEST, np.nan), np.zeros(FEWEST)),
    ],
)
def test_too_few_or_broken_ages_are_refused(true: np.ndarray, predicted: np.ndarray) -> None:
    with pytest.raises(InvalidArrayError, match="can't calibrate"):
        Calibration.fit(true, predicted)


@given(
    age=st.floats(0, 100),
    spread=st.floats(0.34, 3),
    coverage=st.sampled_from([0.5, 0.8, 0.9]),
    threshold=st.floats(1, 99),
)
def test_an_interval_is_as_much_wider_as_the_spread_says(
    calibration: Calibration, age: float, spread: float, coverage: float, threshold: float
) -> None:
    usual = calibration.interval(age, coverage)
    found = calibration.interval(age, coverage, spread)
    assert found == pytest.approx(
        np.maximum(age + spread * (_unbounded(calibration, age, coverage) - age), 0)
    )
    assert calibration.interval(age, coverage, 1.0) == pytest.approx(usual)
    # Whoever is twice as far away at twice the spread is as likely.
    away = age + spread * (threshold - age)
    assert calibration.probability_at_least(age, away, spread) == pytest.approx(
        calibration.probability_at_least(age, threshold), abs=1 / len(calibration.residuals)
    )


def _unbounded(calibration: Calibration, age: float, coverage: float) -> np.ndarray:
    """The interval without the floor of 0 years: far from it, with the same scales."""
    scales = {name: tuple(getattr(calibration, name)) for name in ("low_scales", "high_scales")}
    knots = tuple(knot + 1000 for knot in calibration.knots)
    shifted = Calibration(knots, residuals=calibration.residuals, **scales)
    return shifted.interval(age + 1000, coverage) - 1000


@pytest.mark.parametrize("spread", [0.0, -1.0, np.nan, np.inf, [1.0, 2.0]])
def test_what_is_no_spread_is_refused(calibration: Calibration, spread: Any) -> None:
    for act in (
        lambda: calibration.interval(30.0, 0.9, spread),
        lambda: calibration.probability_at_least(30.0, 18, spread),
        lambda: Calibration.fit(*people(200, 0), spread),
    ):
        with pytest.raises(InvalidArrayError, match="not the spreads of faces"):
            act()


def test_an_age_without_a_face_needs_no_spread(calibration: Calibration) -> None:
    ends = calibration.interval([30.0, np.nan], 0.9, [1.0, np.nan])
    assert np.isfinite(ends[0]).all()
    assert np.isnan(ends[1]).all()


def test_decades_that_are_missed_gain_weight() -> None:
    true, predicted = crowd(20_000, 1)
    teenagers, covered = true < 20, {}
    for even in (0, 10):
        found = Calibration.fit(*crowd(4000, 0), balance=0.0, even=even)
        low, high = found.interval(predicted).T
        inside = (low <= true) & (true <= high)
        assert inside.mean() == pytest.approx(0.9, abs=0.02)
        covered[even] = inside[teenagers].mean()
    assert covered[10] > covered[0] + 0.05
