"""Exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A running average of `model`, weights and BatchNorm statistics alike.

    The decay starts low and rises to `decay`, so that the average forgets the
    initial weights: step n has ``min(decay, (1 + n) / (10 + n))``.
    """

    def update(averages: Sequence[Tensor], currents: Sequence[Tensor], count: Tensor | int) -> None:
        step = int(count)
        weight = 1 - min(decay, (1 + step) / (10 + step))
        if averages[0].is_floating_point():
            torch._foreach_lerp_(list(averages), list(currents), weight)
        else:  # BatchNorm's step counters
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)
