"""Blocks of a network that training leaves as they are."""

from __future__ import annotations

from torch import nn


def freeze(features: nn.Sequential, blocks: int) -> None:
    """Keep the first `blocks` of a network in training mode as they are, and train the others.

    BatchNorm of the frozen ones uses its statistics and leaves them alone. No
    gradient reaches them, so the optimiser, decay included, does not touch them.
    """
    for index, block in enumerate(features):
        trained = index >= blocks
        block.train(trained).requires_grad_(trained)
