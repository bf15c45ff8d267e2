"""What stays in float32 when a network trains in bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facelage.train.layers import become
from facelage.train.norms import FoldedConv2d


class Float32Conv2d(nn.Conv2d):
    """A convolution that autocast leaves in float32."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """As ``nn.Conv2d``, float32 out of any input."""
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


class Float32FoldedConv2d(Float32Conv2d, FoldedConv2d):
    """The same of a convolution with a BatchNorm folded into it."""

    unfolded = Float32Conv2d


_IN_FLOAT32: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: Float32Conv2d,
    FoldedConv2d: Float32FoldedConv2d,
}


def keep_slow_in_float32(model: nn.Module) -> None:
    """Let autocast leave the depthwise convolutions with a stride in float32, in place.

    In bfloat16 their gradient has no fast kernel on the CPU (oneDNN of torch 2.14): those
    of MobileNetV2 take more time than the gradients of all its other convolutions
    together. Names, weights and what the model computes without autocast stay as they are.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and max(module.stride) > 1:
            become(module, _IN_FLOAT32.get(type(module), type(module)))
