"""BatchNorm that keeps its statistics, and then costs a training step nothing."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from facelage.train.layers import become, normed_convolutions


class FoldedConv2d(nn.Conv2d):
    """A convolution that does the work of the :class:`FoldedNorm2d` behind it as well."""

    unfolded: ClassVar[type[nn.Conv2d]] = nn.Conv2d
    norm: tuple[nn.BatchNorm2d]  # in a tuple, so that the norm is not its submodule too

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """What convolution and BatchNorm in evaluation mode give, from scaled weights."""
        (norm,) = self.norm
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        bias = norm.bias - mean * scale
        if self.bias is not None:
            bias = bias + self.bias * scale
        weight = self.weight * scale[:, None, None, None]
        return cast(Tensor, self._conv_forward(input, weight, bias))


class FoldedNorm2d(nn.BatchNorm2d):
    """A BatchNorm whose work is done before it. Weight, bias and statistics are still here."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """The input as it is."""
        return input


def fold_norms(model: nn.Module) -> None:
    """Let BatchNorm use the statistics that it has, in training too, in place.

    Its weights and biases are trained as before, its statistics stay. What is left of it
    scales the convolution before it, a few numbers a step in the place of passes over every
    feature map; each BatchNorm of MobileNetV2 stands behind one. Names and weights stay as
    they are, and so does what the model computes in evaluation mode.
    """
    for _, (_, convolution), (_, norm) in normed_convolutions(model):
        if type(convolution) is nn.Conv2d:
            become(convolution, FoldedConv2d)
            become(norm, FoldedNorm2d)
            cast(FoldedConv2d, convolution).norm = (norm,)


def unfold_norms(model: nn.Module) -> None:
    """Undo :func:`fold_norms`, in place."""
    for _, (_, convolution), (_, norm) in normed_convolutions(model):
        if isinstance(convolution, FoldedConv2d):
            del convolution.norm
            become(convolution, convolution.unfolded)
            become(norm, nn.BatchNorm2d)
