from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError
from facelage.train.config import LOSSES
from facelage.train.losses import (
    LABEL_STD,
    distribution_losses,
    get_loss,
    taught_losses,
    weighted_mean,
)

years = st.floats(0, 120, width=32)


def value(name: str, predicted: float, true: float, delta: float = 5.0) -> float:
    return float(get_loss(name, delta)(torch.tensor([predicted]), torch.tensor([true])))


@given(years, years, st.floats(0.5, 20))
def test_losses_are_their_formulas(predicted: float, true: float, delta: float) -> None:
    error = abs(predicted - true)
    huber = error**2 / (2 * delta) if error < delta else error - delta / 2
    assert value("mse", predicted, true) == pytest.approx(error**2, rel=1e-4, abs=1e-6)
    assert value("l1", predicted, true) == pytest.approx(error, rel=1e-4, abs=1e-6)
    assert value("huber", predicted, true, delta) == pytest.approx(huber, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_every_configured_loss_gives_one_figure_a_face(name: str) -> None:
    losses = get_loss(name)(torch.zeros(3), torch.arange(3.0))
    assert losses.shape == (3,)
    assert losses[0] == 0
    assert losses[2] > losses[1] > 0


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown loss; got: 'mae'"):
        get_loss("mae")


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 9)), min_size=1, max_size=9))
def test_the_weighted_mean_is_numpys(pairs: list[tuple[float, float]]) -> None:
    losses, weights = np.array(pairs).T
    found = weighted_mean(torch.from_numpy(losses), torch.from_numpy(weights))
    assert float(found) == pytest.approx(np.average(losses, weights=weights), rel=1e-9)


def test_a_batch_without_weight_costs_nothing() -> None:
    assert float(weighted_mean(torch.ones(3), torch.zeros(3))) == 0


def test_teachers_count_by_their_weight_and_not_where_they_are_silent() -> None:
    predicted = torch.tensor([[20.0, 22.0], [30.0, 30.0]], requires_grad=True)
    targets = torch.tensor([[21.0, 25.0], [32.0, torch.nan]])
    losses = taught_losses(predicted, targets, torch.tensor([1.0, 0.5]), get_loss("l1"))
    assert losses.tolist() == [1 + 0.5 * 3, 2]
    losses.sum().backward()
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [[-1.0, -0.5], [-1.0, 0.0]]


def gaussian_logits(age: float, years: int = 123) -> torch.Tensor:
    return -0.5 * ((torch.arange(years, dtype=torch.float32) - age) / LABEL_STD) ** 2


@given(st.floats(0, 122, width=32), st.floats(-50, 50, width=32))
def test_a_distribution_about_the_label_costs_nothing(age: float, shift: float) -> None:
    logits = gaussian_logits(age)[None] + shift
    assert float(distribution_losses(logits, torch.tensor([age]))) == pytest.approx(0, abs=1e-4)


@given(st.floats(10, 110, width=32), st.floats(1, 8), st.floats(0.5, 8))
def test_a_distribution_further_from_the_label_costs_more(
    age: float, near: float, more: float
) -> None:
    logits = torch.stack([gaussian_logits(age + near), gaussian_logits(age + near + more)])
    first, second = distribution_losses(logits, torch.tensor([age, age])).tolist()
    # Two Gaussians of one width differ by half the squared distance in widths; the
    # ends of the ages' range cut a little off.
    assert 0 < first < second
    assert first == pytest.approx((near / LABEL_STD) ** 2 / 2, rel=0.05)
