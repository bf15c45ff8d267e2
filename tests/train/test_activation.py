from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.activation import InPlaceReLU6, clamp_in_place

edges = st.sampled_from([-0.0, 0.0, 6.0, 5.9999995, 6.0000005, -1e-38, 1e-38])
values = st.lists(st.floats(-20, 20, width=32) | edges, min_size=1, max_size=20)


@given(values)
def test_values_and_gradients_are_those_of_relu6(numbers: list[float]) -> None:
    results = []
    for activation in (nn.ReLU6(), InPlaceReLU6(inplace=True)):
        given_values = torch.tensor(numbers, requires_grad=True)
        clamped = activation(given_values * 1.0)  # not the leaf itself, which must stay
        clamped.backward(torch.arange(1.0, len(numbers) + 1))
        results.append((clamped.detach(), given_values.grad))
    for plain, in_place in zip(*results, strict=True):
        assert torch.equal(plain, in_place)


def test_a_networks_step_stays_bit_for_bit_as_it_was() -> None:
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    results = []
    for change in (False, True):
        torch.manual_seed(1)
        model = AgeMobileNetV2().train()
        if change:
            clamp_in_place(model)
            assert sum(isinstance(module, InPlaceReLU6) for module in model.modules()) == 35
        ages = model(images)
        ages.square().mean().backward()
        results.append([ages.detach(), *(parameter.grad for parameter in model.parameters())])
    for plain, in_place in zip(*results, strict=True):
        assert torch.equal(plain, in_place)


def test_an_activation_that_must_keep_its_input_keeps_it() -> None:
    model = nn.Sequential(nn.ReLU6(inplace=False), nn.ReLU(inplace=True))
    clamp_in_place(model)
    assert [type(module) for module in model] == [nn.ReLU6, nn.ReLU]
