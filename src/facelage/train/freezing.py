"""Blocks of a network that training leaves as they are."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facelage.train.layers import normed_convolutions
from facelage.train.norms import unfold_norms


def freeze(features: nn.Sequential, blocks: int) -> nn.Sequential:
    """Keep the first `blocks` of a network in training mode as they are, and train the others.

    BatchNorm of the frozen ones uses its statistics and leaves them alone. No
    gradient reaches them, so the optimiser, decay included, does not touch them.

    Returns
    -------
    nn.Sequential
        Copies of the frozen blocks that compute the same sooner: BatchNorm, which no
        longer changes, lies in the convolutions' weights.
    """
    for index, block in enumerate(features):
        trained = index >= blocks
        block.train(trained).requires_grad_(trained)
    frozen = copy.deepcopy(features[:blocks])
    unfold_norms(frozen)
    for module, (conv_name, conv), (norm_name, norm) in list(normed_convolutions(frozen)):
        setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
        setattr(module, norm_name, nn.Identity())
    return frozen
