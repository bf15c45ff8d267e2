from __future__ import annotations

import torch
from torch import nn

from facelage.train.averaging import averaged


def tiny_model(value: float) -> nn.Module:
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    fill(model, value)
    return model


def fill(model: nn.Module, value: float) -> None:
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(value)


def values(model: nn.Module) -> list[float]:
    return [float(tensor.detach()) for tensor in (*model.parameters(), *model.buffers())]


def test_the_average_follows_its_formula() -> None:
    model = tiny_model(7.0)
    average = averaged(model, decay=0.3)
    expected = 0.0
    for step in range(12):
        fill(model, float(step))
        average.update_parameters(model)
        decay = 0.0 if step == 0 else min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        *floats, counter = values(average.module)
        assert torch.allclose(torch.tensor(floats), torch.tensor(expected), rtol=1e-5)
        assert counter == step  # BatchNorm's step counter is copied


def test_the_initial_weights_are_forgotten() -> None:
    model = tiny_model(1e6)
    average = averaged(model, decay=0.999)
    fill(model, 1.0)
    average.update_parameters(model)
    assert values(average.module) == [1.0] * 7


def test_the_model_itself_is_left_alone() -> None:
    model = tiny_model(1.0)
    average = averaged(model, decay=0.9)
    fill(model, 2.0)
    average.update_parameters(model)
    fill(model, 3.0)
    average.update_parameters(model)
    assert values(model) == [3.0] * 7


def test_the_state_goes_through_a_dictionary() -> None:
    model = tiny_model(1.0)
    first, second = averaged(model, 0.9), averaged(model, 0.9)
    for value in (2.0, 3.0):
        fill(model, value)
        first.update_parameters(model)
    second.load_state_dict(first.state_dict())
    fill(model, 9.0)
    for average in (first, second):
        average.update_parameters(model)
    assert values(first.module) == values(second.module)
