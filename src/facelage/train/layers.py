"""Layers that turn into others with the same tensors."""

from __future__ import annotations

from torch import nn


def become(module: nn.Module, kind: type[nn.Module]) -> None:
    """Make a layer one of another kind that has the same tensors, in place.

    Names and weights stay, so checkpoints of either kind fit the other.
    """
    module.__class__ = kind
