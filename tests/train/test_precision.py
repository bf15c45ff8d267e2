from __future__ import annotations

import copy

import torch
from torch import nn

from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.precision import keep_slow_in_float32


def convolutions(model: nn.Module) -> dict[str, nn.Conv2d]:
    return {name: part for name, part in model.named_modules() if isinstance(part, nn.Conv2d)}


def test_the_strided_depthwise_convolutions_alone_stay_in_float32() -> None:
    model = AgeMobileNetV2().train()
    keep_slow_in_float32(model)
    precise: dict[str, bool] = {}
    for name, part in convolutions(model).items():
        part.register_forward_hook(
            lambda _, __, output, name=name: precise.update({name: output.dtype == torch.float32})
        )
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.randn(2, 3, 64, 64))
    strided = {n for n, c in convolutions(model).items() if c.groups > 1 and c.stride != (1, 1)}
    assert len(strided) == 4
    assert {name for name, kept in precise.items() if kept} == strided
    assert len(precise) == 52


def test_names_weights_and_float32_answers_are_as_before() -> None:
    torch.manual_seed(0)
    model = AgeMobileNetV2().eval()
    images = torch.randn(2, 3, 64, 64)
    other = copy.deepcopy(model)
    keep_slow_in_float32(other)
    assert list(other.state_dict()) == list(model.state_dict())
    assert torch.equal(other(images), model(images))
    assert torch.equal(copy.deepcopy(other)(images), model(images))
