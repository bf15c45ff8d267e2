from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.activation import clamp_in_place
from facelage.train.freezing import freeze
from facelage.train.norms import FoldedConv2d, FoldedNorm2d, fold_norms, unfold_norms
from facelage.train.precision import Float32Conv2d, Float32FoldedConv2d, keep_slow_in_float32


@pytest.fixture
def model() -> AgeMobileNetV2:
    """A network whose BatchNorms have statistics, weights and biases of their own."""
    torch.manual_seed(0)
    model = AgeMobileNetV2(dropout=0.0)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # the statistics of the next images
        nn.init.uniform_(norm.weight, 0.8, 1.2)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
    model.train()(torch.randn(8, 3, 64, 64))
    for norm in norms:
        norm.momentum = 0.1
    nn.init.normal_(model.head.weight)
    return model


IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    a, b = a.detach(), b.detach()
    return torch.allclose(a, b, rtol=1e-3, atol=2e-3 * float(b.abs().max()))


@pytest.mark.parametrize("prepare", [lambda model: None, clamp_in_place])
def test_ages_and_gradients_are_those_of_batch_norm_in_evaluation_mode(
    model: AgeMobileNetV2, prepare: Callable[[nn.Module], None]
) -> None:
    images = IMAGES.double()  # where float32 rounds, a ReLU may open
    folded = copy.deepcopy(model.double())
    prepare(folded)
    fold_norms(folded)
    model.eval()
    ages, others = model(images), folded.train()(images)
    assert float(ages.detach().std()) > 0.1
    assert close(others, ages)
    (ages**2).sum().backward()
    (others**2).sum().backward()
    for (name, own), other in zip(model.named_parameters(), folded.parameters(), strict=True):
        assert own.grad is not None, name
        assert other.grad is not None, name
        assert close(other.grad, own.grad), name


def test_statistics_names_and_weights_stay_and_the_rest_is_trained(model: AgeMobileNetV2) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fold_norms(model)
    assert list(model.state_dict()) == list(before)
    optimiser = torch.optim.AdamW(model.train().parameters(), lr=0.01)
    model(IMAGES).sum().backward()
    optimiser.step()
    for name, value in model.state_dict().items():
        kept = "running" in name or name.endswith(("tracked", "age_mean", "age_std"))
        assert torch.equal(value, before[name]) == kept, name


def test_every_batch_norm_is_folded_and_comes_back(model: AgeMobileNetV2) -> None:
    plain = copy.deepcopy(model)
    fold_norms(model)
    kinds = [type(module) for module in model.modules()]
    assert kinds.count(FoldedConv2d) == kinds.count(FoldedNorm2d) == 52
    assert nn.BatchNorm2d not in kinds
    unfold_norms(model)
    assert [type(module) for module in model.modules()] == [type(m) for m in plain.modules()]
    assert not any(hasattr(module, "norm") for module in model.modules())
    assert torch.equal(model.eval()(IMAGES), plain.eval()(IMAGES))


def test_a_copy_has_norms_of_its_own(model: AgeMobileNetV2) -> None:
    fold_norms(model)
    before = model.eval()(IMAGES)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for module in other.modules():
            if isinstance(module, FoldedNorm2d):
                module.bias.add_(1.0)
    assert torch.equal(model(IMAGES), before)
    assert not close(other(IMAGES), before)


@pytest.mark.parametrize("blocks", [0, 4, 19])
def test_frozen_blocks_are_folded_once(model: AgeMobileNetV2, blocks: int) -> None:
    given = model.eval()(IMAGES)
    fold_norms(model)
    keep_slow_in_float32(model)
    kinds = [type(module) for module in model.modules()]
    assert kinds.count(Float32FoldedConv2d) == 4
    frozen = freeze(model.features, blocks)
    assert close(model.years(model.pooled(frozen(IMAGES), skip=blocks)), given)
    assert [type(module) for module in model.modules()] == kinds
    strided = [each for each in frozen.modules() if isinstance(each, nn.Conv2d) and is_slow(each)]
    assert {type(each) for each in strided} == ({Float32Conv2d} if strided else set())
    assert len(strided) == {0: 0, 4: 1, 19: 4}[blocks]


def is_slow(convolution: nn.Conv2d) -> bool:
    return convolution.groups > 1 and convolution.stride != (1, 1)


def test_strided_depthwise_convolutions_stay_in_float32_with_their_norms(
    model: AgeMobileNetV2,
) -> None:
    model.eval()
    plain = copy.deepcopy(model)
    fold_norms(model)
    keep_slow_in_float32(model)
    images = torch.rand(2, 144, 16, 16, generator=torch.Generator().manual_seed(2))
    block, other = model.features[4].conv[1], plain.features[4].conv[1]
    assert is_slow(block[0])
    with torch.autocast("cpu", torch.bfloat16):
        found = block(images.bfloat16())
    assert found.dtype == torch.float32
    assert close(found, other(images.bfloat16().float()))
    found.sum().backward()
    assert block[1].weight.grad.abs().max() > 0
    assert block[1].bias.grad.abs().max() > 0
