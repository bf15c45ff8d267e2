"""Losses on ages in years, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from facelage.errors import ConfigError

Loss = Callable[[Tensor, Tensor], Tensor]


def get_loss(name: str, huber_delta: float = 5.0) -> Loss:
    """A loss by name: (predicted N, true N) in years to N losses, one a face.

    ``"mse"`` is the squared error (years squared), ``"l1"`` the absolute error
    (years), ``"huber"`` the squared error over ``2 * huber_delta`` up to
    `huber_delta` years and linear beyond (years).

    Raises
    ------
    ConfigError
        If the name is unknown.
    """
    if name == "mse":
        return lambda predicted, true: functional.mse_loss(predicted, true, reduction="none")
    if name == "l1":
        return lambda predicted, true: functional.l1_loss(predicted, true, reduction="none")
    if name == "huber":
        return lambda predicted, true: functional.smooth_l1_loss(
            predicted, true, beta=huber_delta, reduction="none"
        )
    raise ConfigError("unknown loss", got=repr(name), expected="mse, l1, huber")


def taught_losses(predicted: Tensor, targets: Tensor, shares: Tensor, loss: Loss) -> Tensor:
    """The loss of each face over its label and its teachers' answers.

    `predicted` and `targets` are N x K years, `shares` the K weights of their
    losses; a target that is not a number counts nothing.
    """
    known = torch.where(targets.isnan(), predicted.detach(), targets)
    return loss(predicted, known) @ shares


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """The mean of N losses under N weights."""
    return (losses * weights).sum() / torch.clamp(weights.sum(), min=1e-12)
