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
