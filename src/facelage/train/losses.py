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


#: Standard deviation in years of the age that a label stands for.
LABEL_STD = 2.0


def distribution_losses(logits: Tensor, ages: Tensor) -> Tensor:
    """How far each face's distribution over whole years is from its label's (N nats).

    The Kullback-Leibler divergence from a Gaussian about the label, as in deep
    label distribution learning (Gao et al., IEEE TIP 2017). `logits` are
    N x years from 0 up, `ages` N years.
    """
    grid = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)
    wanted = torch.softmax(-0.5 * ((grid - ages[:, None]) / LABEL_STD) ** 2, 1)
    given = torch.log_softmax(logits, 1)
    return functional.kl_div(given, wanted, reduction="none").sum(1)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """The mean of N losses under N weights."""
    return (losses * weights).sum() / torch.clamp(weights.sum(), min=1e-12)
