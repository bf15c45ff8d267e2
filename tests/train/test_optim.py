from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Adam, AdamW

from facelage.train import TrainConfig
from facelage.train.optim import make_optimiser, make_schedule

STEPS = 20


def rates(**changes: Any) -> list[float]:
    """The learning rate of each step of a ten-epoch run, as a share of the peak."""
    config = TrainConfig(epochs=10, lr=0.1, **changes)
    optimiser = make_optimiser(nn.Linear(2, 1), config)
    schedule = make_schedule(optimiser, config, STEPS)
    found = []
    for _ in range(10 * STEPS):
        found.append(optimiser.param_groups[0]["lr"] / config.lr)
        optimiser.step()
        schedule.step()
    return found


def test_the_warm_up_rises_evenly_to_the_peak() -> None:
    found = rates(schedule="constant", warmup_epochs=1.0)
    assert found[:STEPS] == pytest.approx([(step + 1) / (STEPS + 1) for step in range(STEPS)])
    assert found[STEPS:] == pytest.approx([1.0] * (9 * STEPS))


def test_cosine_falls_to_nothing() -> None:
    found = rates(schedule="cosine", warmup_epochs=0.0)
    assert found[0] == pytest.approx(1, abs=1e-3)
    assert found[5 * STEPS] == pytest.approx(0.5, abs=1e-3)
    assert 0 < found[-1] < 1e-3
    assert all(later < earlier for earlier, later in pairwise(found))


def test_steps_fall_tenfold_twice() -> None:
    found = rates(schedule="step", warmup_epochs=0.0)
    assert found == pytest.approx([1.0] * 6 * STEPS + [0.1] * 50 + [0.01] * 30)


def test_a_warm_up_longer_than_the_run_is_only_warm_up() -> None:
    found = rates(schedule="cosine", warmup_epochs=20.0)
    assert found[-1] == pytest.approx(200 / 401)


@pytest.mark.parametrize(("name", "kind"), [("adam", Adam), ("adamw", AdamW)])
def test_only_weight_matrices_are_decayed(name: str, kind: type) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 1))
    config = TrainConfig(optimiser=name, weight_decay=0.1, lr=0.01)
    optimiser = make_optimiser(model, config)
    assert type(optimiser) is kind
    decay = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    found = {key: decay[id(p)] for key, p in model.named_parameters()}
    assert found == {
        "0.weight": 0.1,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "2.weight": 0.1,
        "2.bias": 0.0,
    }
    assert torch.tensor([group["lr"] for group in optimiser.param_groups]).unique().numel() == 1
