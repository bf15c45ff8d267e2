from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from facelage import metrics
from facelage.errors import InvalidArrayError

ages = st.floats(0, 120, allow_subnormal=False)
pairs = st.lists(st.tuples(ages, ages), min_size=1, max_size=40).map(np.array)
FIGURES = {
    "mae": metrics.mae,
    "median_error": metrics.median_error,
    "mse": metrics.mse,
    "rmse": metrics.rmse,
    "bias": metrics.bias,
    "top1": metrics.top1,
    "cs5": lambda true, predicted: metrics.cs(true, predicted, 5),
    "cs10": lambda true, predicted: metrics.cs(true, predicted, 10),
}


@given(pairs)
def test_errors_agree_with_scikit_learn(pair: np.ndarray) -> None:
    true, predicted = pair.T
    for ours, theirs in (
        (metrics.mae, oracle.mean_absolute_error),
        (metrics.mse, oracle.mean_squared_error),
        (metrics.rmse, oracle.root_mean_squared_error),
        (metrics.median_error, oracle.median_absolute_error),
    ):
        assert ours(true, predicted) == pytest.approx(theirs(true, predicted), rel=1e-12)


@given(pairs)
def test_top1_agrees_with_scikit_learn_on_rounded_ages(pair: np.ndarray) -> None:
    true, predicted = np.floor(pair.T + 0.5).astype(int)
    assert metrics.top1(*pair.T) == pytest.approx(oracle.accuracy_score(true, predicted), rel=1e-12)


@given(pairs)
def test_bias_and_cs_are_their_definitions(pair: np.ndarray) -> None:
    true, predicted = pair.T
    differences = [p - t for t, p in pair]
    assert metrics.bias(true, predicted) == pytest.approx(
        math.fsum(differences) / len(pair), rel=1e-9, abs=1e-12
    )
    hits = sum(abs(difference) <= 5 for difference in differences)
    assert metrics.cs(true, predicted, 5) == pytest.approx(hits / len(pair), rel=1e-12)
    assert np.array_equal(metrics.errors(true, predicted), differences)


@given(pairs)
def test_figures_keep_their_order(pair: np.ndarray) -> None:
    true, predicted = pair.T
    mae, mse = metrics.mae(true, predicted), metrics.mse(true, predicted)
    slack = 1e-9
    assert mae >= abs(metrics.bias(true, predicted)) - slack
    assert mse >= mae**2 - slack
    assert metrics.rmse(true, predicted) == math.sqrt(mse)
    assert metrics.median_error(true, predicted) <= 2 * mae + slack


@given(pairs, st.lists(st.floats(0, 130), min_size=2, max_size=6).map(sorted))
def test_cs_grows_with_k_from_0_to_1(pair: np.ndarray, ks: list[float]) -> None:
    true, predicted = pair.T
    shares = [metrics.cs(true, predicted, k) for k in ks]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert metrics.cs(true, predicted, 120) == 1
    assert metrics.cs_curve(true, predicted, ks) == dict(zip(ks, shares, strict=True))


@given(pairs, st.randoms())
def test_the_order_of_the_rows_does_not_matter(pair: np.ndarray, random: st.DataObject) -> None:
    order = list(range(len(pair)))
    random.shuffle(order)
    for name, figure in FIGURES.items():
        shuffled = figure(*pair[order].T)
        assert shuffled == pytest.approx(figure(*pair.T), rel=1e-12, abs=1e-12), name


@given(pairs, pairs)
def test_two_halves_make_the_whole(first: np.ndarray, second: np.ndarray) -> None:
    whole = np.concatenate([first, second])
    share = len(first) / len(whole)
    for name in ("mae", "mse", "bias", "top1", "cs5", "cs10"):
        parts = share * FIGURES[name](*first.T) + (1 - share) * FIGURES[name](*second.T)
        assert FIGURES[name](*whole.T) == pytest.approx(parts, rel=1e-9, abs=1e-9), name


@given(pairs)
def test_swapping_true_and_predicted_turns_only_the_bias(pair: np.ndarray) -> None:
    true, predicted = pair.T
    for name, figure in FIGURES.items():
        sign = -1 if name == "bias" else 1
        assert figure(predicted, true) == sign * figure(true, predicted), name


@given(st.lists(ages, min_size=1, max_size=20))
def test_a_perfect_guess_has_no_error(years: list[float]) -> None:
    assert metrics.summary(years, years) == {
        "n": len(years),
        **dict.fromkeys(("mae", "median_error", "mse", "rmse", "bias"), 0.0),
        **dict.fromkeys(("top1", "cs5", "cs10"), 1.0),
    }


@given(pairs)
def test_the_summary_holds_each_figure(pair: np.ndarray) -> None:
    summary = metrics.summary(*pair.T)
    assert summary.pop("n") == len(pair)
    assert summary == {name: figure(*pair.T) for name, figure in FIGURES.items()}


def test_figures_of_a_worked_example() -> None:
    true, predicted = [10, 20, 30, 40], [10.4, 25, 41, 38]
    assert metrics.mae(true, predicted) == pytest.approx(4.6)
    assert metrics.mse(true, predicted) == pytest.approx((0.16 + 25 + 121 + 4) / 4)
    assert metrics.bias(true, predicted) == pytest.approx(3.6)
    assert metrics.median_error(true, predicted) == pytest.approx(3.5)
    assert metrics.top1(true, predicted) == 0.25
    assert metrics.cs(true, predicted, 5) == 0.75
    assert metrics.cs_curve(true, predicted) == {
        k: 0.25 if k < 2 else 0.5 if k < 5 else 0.75 if k < 11 else 1.0 for k in range(1, 16)
    }


@pytest.mark.parametrize(
    ("true", "predicted", "hit"),
    [(3, 2.5, 1), (2, 2.5, 0), (2, 2.49, 1), (0, -0.5, 1), (1.5, 2.4, 1), (0.5, 0.4, 0)],
)
def test_halves_round_up(true: float, predicted: float, hit: int) -> None:
    assert metrics.top1([true], [predicted]) == hit


@pytest.mark.parametrize("figure", [*FIGURES.values(), metrics.summary, metrics.errors])
@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "no ages"),
        ([1.0], [1.0, 2.0], "equally long"),
        ([[1.0]], [[1.0]], "equally long"),
        (1.0, 1.0, "equally long"),
        ([1.0, math.nan], [1.0, 2.0], r"true ages are not all numbers; got: 1 of 2 .* at 1"),
        ([1.0, 2.0], [math.nan, 2.0], r"predicted ages are not all numbers; got: .* at 0"),
        ([1.0], [math.inf], "predicted ages are not all"),
        ([1.0], [None], "predicted ages are not all"),
    ],
)
def test_bad_input_is_a_named_error(
    figure: object, true: object, predicted: object, message: str
) -> None:
    with pytest.raises(InvalidArrayError, match=message):
        figure(true, predicted)  # type: ignore[operator]


def test_lists_integers_and_tensors_are_welcome() -> None:
    torch = pytest.importorskip("torch")
    wanted = metrics.mae(np.array([1.0, 4.0]), np.array([2.0, 2.0]))
    assert metrics.mae([1, 4], (2, 2)) == wanted
    assert metrics.mae(torch.tensor([1, 4]), torch.tensor([2.0, 2.0])) == wanted
    assert metrics.mae(np.array([1, 4], np.uint8), np.array([2, 2], np.uint8)) == wanted
