"""Faces blended with faces of a similar age: new people of a known age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

#: Standard deviation in years of the difference in age that partners are drawn by.
BANDWIDTH = 5.0


def mix_similar(
    views: Sequence[Tensor],
    targets: Tensor,
    share: float,
    rng: Generator,
    bandwidth: float = BANDWIDTH,
) -> tuple[list[Tensor], Tensor]:
    """Blend some faces of a batch with others of about their age.

    Mixup (Zhang et al., ICLR 2018) with partners drawn by the closeness of
    their labels, as in C-Mixup (Yao et al., NeurIPS 2022). The crops are
    aligned, so that a blend looks like one face.

    Parameters
    ----------
    views:
        Pictures of the same N faces, each N x 3 x S x S, float32; all are blended alike.
    targets:
        N x K, float32, years; the first column is the label that partners are
        drawn by, with Gaussian weights of standard deviation `bandwidth`.
    share:
        Share of the faces to blend; each keeps between half and all of itself.
    rng:
        Draws partners, shares and who is blended.

    Returns
    -------
    tuple
        New views and targets, the same linear blend of all.
    """
    ages = targets[:, 0].numpy().astype(np.float64)
    closeness = -0.5 * ((ages[:, None] - ages[None, :]) / bandwidth) ** 2
    np.fill_diagonal(closeness, -np.inf)
    # The largest of Gumbel-disturbed logarithms is a draw in proportion to the weights.
    partner = np.argmax(closeness + rng.gumbel(size=closeness.shape), axis=1)
    other = rng.uniform(0.0, 0.5, len(ages)) * (rng.random(len(ages)) < share)
    chosen = torch.from_numpy(partner)
    # A face whose partner lacks an answer (NaN) that it has itself is not blended.
    lacking = (targets[chosen].isnan() & ~targets.isnan()).any(1).numpy()
    other[lacking] = 0.0
    amount = torch.from_numpy(other.astype(np.float32))
    mixed = torch.lerp(targets, targets[chosen], amount[:, None])
    return (
        [torch.lerp(view, view[chosen], amount[:, None, None, None]) for view in views],
        torch.where(amount[:, None] > 0, mixed, targets),  # 0 times NaN is NaN
    )
