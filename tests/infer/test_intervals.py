from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.errors import ConfigError, InvalidArrayError, WeightsError
from facelage.infer.intervals import FEWEST, Calibration, residual_ends


def people(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted ages; errors grow with age, and are skewed one way, then the other."""
    rng = np.random.default_rng(seed)
    true = np.minimum(rng.gamma(4, 9, n), 100)
    return true, called(true, rng)


def called(true: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What people of these ages are called: the young too old, the old too young by more."""
    skewed = rng.gamma(2, 1, len(true)) - 1.5
    return np.maximum(true + np.where(true < 40, skewed, -skewed) * (1 + true / 15), 0)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return Calibration.fit(*people(4000, 0))


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_new_faces_are_covered_as_promised_at_every_age(
    coverage: float, calibration: Calibration
) -> None:
    true, predicted = people(20_000, 1)
    low, high = calibration.interval(predicted, coverage).T
    inside = (low <= true) & (true <= high)
    assert inside.mean() == pytest.approx(coverage, abs=0.015)
    for start in (0, 20, 40, 60):
        band = (true >= start) & (true < start + 20)
        assert inside[band].mean() == pytest.approx(coverage, abs=0.05)
    assert (true < low).mean() == pytest.approx((1 - coverage) / 2, abs=0.015)


def crowd(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Many adults and few teenagers, the latter taken for five years older."""
    rng = np.random.default_rng(seed)
    adults = rng.random(n) < 0.95
    true = np.where(adults, rng.uniform(20, 60, n), rng.uniform(14, 18, n))
    return true, true + np.interp(true, (18, 30), (5, 0)) + rng.normal(0, 2, n)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_the_rare_are_covered_as_often_as_the_frequent(coverage: float) -> None:
    true, predicted = crowd(20_000, 1)
    low, high = Calibration.fit(*crowd(4000, 0)).interval(predicted, coverage).T
    inside = (low <= true) & (true <= high)
    assert inside.mean() == pytest.approx(coverage, abs=0.02)
    assert inside[true < 20].mean() == pytest.approx(coverage, abs=0.06)


@pytest.mark.parametrize("n", [FEWEST, 250, 1000])
def test_few_faces_keep_the_promise_on_average(n: int) -> None:
    true, predicted = people(20_000, 999)
    shares = []
    for seed in range(20):
        low, high = Calibration.fit(*people(n, seed)).interval(predicted).T
        shares.append(((low <= true) & (true <= high)).mean())
    # A single calibration's share scatters as the beta distribution says (Vovk, 2012).
    scatter = math.sqrt(0.9 * 0.1 / n / len(shares))
    # Faces are scored by fewer than the errors that are kept come from, so a little more is held.
    assert -3 * scatter <= np.mean(shares) - 0.9 <= 0.02


def test_one_wrong_label_does_not_rule_the_intervals() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        true = np.minimum(rng.gamma(4, 9, 1500), 80)
        predicted = np.maximum(true + rng.normal(0, 5, len(true)), 0)
        widths = []
        for labels in ([], [90.0]):
            looks = np.full(len(labels), 44.0)
            fitted = Calibration.fit(np.append(true, labels), np.append(predicted, looks))
            widths.append(float(np.diff(fitted.interval(44.0))[0]))
        assert widths[1] < 1.1 * widths[0]


#: A calibration by rows of errors at 0, 20, ... 80 years with scores of -1, 0, 0.5 and 1.
rows = st.lists(
    st.tuples(*[st.floats(0.5, 8)] * 4).map(lambda s: (-s[0] - s[1], -s[1], s[2], s[2] + s[3])),
    min_size=5,
    max_size=5,
).map(tuple)
AGES, SCORES = (0.0, 20.0, 40.0, 60.0, 80.0), (-1.0, 0.0, 0.5, 1.0)


def constant(younger: float, older: float) -> Calibration:
    """Errors that are alike at all ages, older and younger ones in proportion."""
    return Calibration(
        (0.0,),
        (-1.0, 0.0, 1.0),
        ((-younger, 0.0, older),),
        tuple(n / 50 for n in range(-50, 51)),
    )


@given(age=st.floats(10, 90), wider=st.floats(1.1, 5), coverage=st.floats(0.5, 0.98))
def test_each_side_moves_its_own_end(age: float, wider: float, coverage: float) -> None:
    even = constant(1.0, 1.0).interval(age, coverage)
    # Who is called much younger than they are may be much older than called.
    older = constant(wider, 1.0).interval(age, coverage)
    assert older[0] == even[0]
    assert older[1] - age == pytest.approx(wider * (even[1] - age))


@given(
    errors=rows,
    age=st.floats(0, 120),
    spread=st.floats(0.34, 3),
    shift=st.floats(-4, 4),
    coverage=st.sampled_from([0.5, 0.8, 0.95]),
)
def test_an_age_is_inside_unless_too_few_of_that_age_look_so(
    errors: tuple[tuple[float, ...], ...], age: float, spread: float, shift: float, coverage: float
) -> None:
    residuals = tuple(n / 20 - 2.5 + shift for n in range(101))
    low, high = Calibration(AGES, SCORES, errors, residuals).interval(age, coverage, spread)
    # The definition, tried at every twentieth of a year.
    years = np.arange(0, 250, 0.05)
    at = np.stack([np.interp(years, AGES, column) for column in zip(*errors, strict=True)], 1)
    first, last = at[:, 1] - at[:, 0], at[:, 3] - at[:, 1]
    off = (age - years) / spread
    known = [np.interp(x, row, SCORES) for x, row in zip(off, at, strict=True)]
    score = np.where(off < at[:, 0], (off - at[:, 1]) / first, known)
    score = np.where(off > at[:, 3], (off - at[:, 1]) / last, score)
    least, most = residual_ends(residuals, coverage)
    inside = years[(score >= least) & (score <= most)]
    if len(inside):
        assert low == pytest.approx(min(inside[0], max(age, 100)), abs=0.0501)
        # Nobody is taken for older than 100 who does not look it.
        assert high == pytest.approx(min(inside[-1], max(age, 100)), abs=0.0501)
    else:
        assert high == pytest.approx(low, abs=0.0501) or high == 0


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
    mapie.conformalize(np.zeros((n, 1)), 50.0 - np.asarray(residuals))
    _, ends = mapie.predict_interval(np.zeros((1, 1)))
    same = Calibration((0.0,), (-1.0, 0.0, 1.0), ((-1.0, 0.0, 1.0),), tuple(sorted(residuals)))
    own = same.interval(50.0, coverage)
    assert own == pytest.approx(np.maximum(ends[0, :, 0], 0), abs=1e-9)


@given(age=st.floats(0, 110), first=st.floats(-5, 130), second=st.floats(-5, 130))
def test_fewer_people_reach_a_higher_age(
    age: float, first: float, second: float, calibration: Calibration
) -> None:
    low, high = sorted((first, second))
    chances = [float(calibration.probability_at_least(age, t)) for t in (low, high)]
    assert 1 > chances[0] >= chances[1] >= 0


@given(
    errors=rows,
    age=st.floats(0, 110),
    thresholds=st.tuples(st.floats(-5, 130), st.floats(-5, 130)),
    spread=st.floats(0.34, 3),
)
def test_whatever_the_errors_nobody_is_surer_to_reach_a_higher_age(
    errors: tuple[tuple[float, ...], ...],
    age: float,
    thresholds: tuple[float, float],
    spread: float,
) -> None:
    found = Calibration(AGES, SCORES, errors, tuple(n / 20 - 2.5 for n in range(101)))
    low, high = sorted(thresholds)
    first, second = (found.probability_at_least(age, t, spread) for t in (low, high))
    assert first >= second


@pytest.mark.parametrize("threshold", [12, 18, 30, 60])
def test_few_who_are_too_young_pass_for_old_enough(
    threshold: int, calibration: Calibration
) -> None:
    rng = np.random.default_rng(3)
    for years in (threshold - 3, threshold):
        looks = called(np.full(20_000, float(years)), rng)
        sure = calibration.probability_at_least(looks, threshold)
        for least in (0.5, 0.8, 0.95):
            passed = (sure >= least).mean()
            if years == threshold:
                assert passed == pytest.approx(1 - least, abs=0.06)
            else:
                assert passed <= 1 - least + 0.03


def test_what_has_no_age_has_no_probability(calibration: Calibration) -> None:
    found = calibration.probability_at_least([30.0, math.nan], 18)
    assert np.isnan(found[1])
    assert found[0] > 0.5


@pytest.mark.parametrize("threshold", [math.nan, math.inf, None, "old", [18, 21]])
def test_what_is_no_threshold_is_refused(calibration: Calibration, threshold: Any) -> None:
    with pytest.raises(ConfigError, match="the threshold is no age"):
        calibration.probability_at_least(30.0, threshold)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (1, 0)])
def test_answers_have_the_shape_of_the_ages(
    calibration: Calibration, shape: tuple[int, ...]
) -> None:
    ages = np.full(shape, 30.0)
    assert calibration.interval(ages).shape == (*shape, 2)
    assert calibration.probability_at_least(ages, 18).shape == shape


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
    if high < 100:
        assert float(calibration.probability_at_least(age, high)) == pytest.approx(tail, abs=0.01)


def test_the_order_of_faces_does_not_matter(calibration: Calibration) -> None:
    true, predicted = people(4000, 0)
    shuffled = np.random.default_rng(0).permutation(4000)
    again = Calibration.fit(true[shuffled], predicted[shuffled])
    assert again == calibration


def test_json_keeps_every_number(calibration: Calibration) -> None:
    assert Calibration.from_json(calibration.to_json()) == calibration


GOOD = '{"ages": [0], "scores": [-1, 0, 1], "errors": [[-1, 0, 1]], "residuals": [1, 2]}'


def test_what_is_spoilt_below_was_good() -> None:
    assert Calibration.from_json(GOOD).residuals == (1.0, 2.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        GOOD.replace("[[-1, 0, 1]]", "[[0, -1, 1]]"),
        GOOD.replace("[[-1, 0, 1]]", "[[-1, 0, 0]]"),
        GOOD.replace("[[-1, 0, 1]]", "[[-1, 0]]"),
        GOOD.replace("[[-1, 0, 1]]", "[[-1, 0, 1], [-1, 0, 1]]"),
        GOOD.replace("[[-1, 0, 1]]", "[-1, 0, 1]"),
        GOOD.replace("[[-1, 0, 1]]", "[[-1, 0, NaN]]"),
        GOOD.replace('"scores": [-1, 0, 1]', '"scores": [-1, 1, 2]'),
        GOOD.replace('"scores": [-1, 0, 1]', '"scores": [0, 1, 2]'),
        GOOD.replace('"ages": [0], ', ""),
        GOOD.replace('"ages": [0]', '"ages": []'),
        GOOD.replace("[1, 2]", "[2, 1]"),
        GOOD.replace("[1, 2]", "[]"),
        GOOD.replace("[1, 2]", '["a"]'),
        GOOD.replace("[1, 2]", '[1, 2], "more": [1]'),
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
    age=st.floats(30, 75),
    spread=st.floats(0.34, 3),
    coverage=st.sampled_from([0.5, 0.8, 0.9]),
    threshold=st.floats(1, 99),
)
def test_an_interval_is_as_much_wider_as_the_spread_says(
    age: float, spread: float, coverage: float, threshold: float
) -> None:
    alike = constant(7.0, 9.0)
    usual = alike.interval(age, coverage)
    assert alike.interval(age, coverage, spread) == pytest.approx(age + spread * (usual - age))
    # Whoever is twice as far away at twice the spread is as sure.
    away = age + spread * (threshold - age)
    assert alike.probability_at_least(age, away, spread) == pytest.approx(
        alike.probability_at_least(age, threshold), abs=1.01 / len(alike.residuals)
    )


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
