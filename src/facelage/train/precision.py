"""What stays in float32 when a network trains in bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Float32Conv2d(nn.Conv2d):
    """A convolution that autocast leaves in float32."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """As ``nn.Conv2d``, float32 out of any input."""
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


def keep_slow_in_float32(model: nn.Module) -> None:
    """Let autocast leave the depthwise convolutions with a stride in float32, in place.

    In bfloat16 their gradient has no fast kernel on the CPU (oneDNN of torch 2.14): those
    of MobileNetV2 take more time than the gradients of all its other convolutions
    together. Names, weights and what the model computes without autocast stay as they are.
    """
    for module in model.modules():
        if type(module) is nn.Conv2d and module.groups > 1 and max(module.stride) > 1:
            module.__class__ = Float32Conv2d
