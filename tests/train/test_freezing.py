from __future__ import annotations

import pytest
import torch

from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.config import BLOCKS
from facelage.train.freezing import freeze


@pytest.mark.parametrize("blocks", [0, 1, 4, BLOCKS])
def test_a_step_changes_what_is_not_frozen_and_nothing_else(blocks: int) -> None:
    torch.manual_seed(0)
    model = AgeMobileNetV2().train()
    freeze(model.features, BLOCKS)  # an earlier, larger choice does not last
    freeze(model.features, blocks)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    model(torch.randn(4, 3, 32, 32)).mean().backward()
    optimiser.step()
    assert len(model.features) == BLOCKS
    for name, value in model.state_dict().items():
        if not name.startswith("features."):
            continue
        frozen = int(name.split(".")[1]) < blocks
        assert torch.equal(value, before[name]) == frozen, name


@pytest.mark.parametrize("blocks", [0, 1, 4, BLOCKS])
def test_the_returned_blocks_compute_what_the_frozen_ones_do(blocks: int) -> None:
    torch.manual_seed(0)
    model = AgeMobileNetV2().train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 2.0)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    frozen = freeze(model.features, blocks)
    images = torch.randn(2, 3, 64, 64)
    given = model.features[:blocks](images)
    assert torch.allclose(frozen(images), given, rtol=1e-3, atol=1e-3 * float(given.std()))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in frozen.modules())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    rest = model.pooled(frozen(images), skip=blocks)
    assert rest.shape == (2, 1280)
    assert rest.requires_grad == (blocks < BLOCKS)
