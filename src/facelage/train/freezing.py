"""Blocks of a network that training leaves as they are."""

from __future__ import annotations

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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
    _fold_batch_norm(frozen)
    return frozen


def _fold_batch_norm(module: nn.Module) -> None:
    for child in module.children():
        _fold_batch_norm(child)
    for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
            setattr(module, norm_name, nn.Identity())
