"""Layers that turn into others with the same tensors, and where to find them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn


def become(module: nn.Module, kind: type[nn.Module]) -> None:
    """Make a layer one of another kind that has the same tensors, in place.

    Names and weights stay, so checkpoints of either kind fit the other.
    """
    module.__class__ = kind


def normed_convolutions(
    model: nn.Module,
) -> Iterator[tuple[nn.Module, tuple[str, nn.Conv2d], tuple[str, nn.BatchNorm2d]]]:
    """Every convolution with a BatchNorm next to it, with the module that holds both.

    Next means the next of the module's children, which in torchvision's networks is what
    its output goes to.

    Parameters
    ----------
    model
        A network; its modules may be replaced once the search is over, not during it.

    Yields
    ------
    tuple
        The module; the convolution's name in it, and the convolution; the same of the BatchNorm.
    """
    for module in model.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(module.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                yield module, (conv_name, conv), (norm_name, norm)
