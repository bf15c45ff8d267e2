"""What a face recognition network makes of a face, learnt beside its age in training.

Such networks have seen millions of faces, age data sets thousands. A student that also gives
their answer takes over what they know of faces (Romero et al., "FitNets", ICLR 2015).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facelage.data.manifest import Manifest
from facelage.errors import ManifestError

#: Error, in standard deviations of a component, from which its loss is linear.
LINEAR_FROM = 0.25


def embedding_targets(train: Manifest, name: str) -> NDArray[np.float32]:
    """A column's vectors, N x D, each component with mean 0 and standard deviation 1.

    Faces without one have NaN.

    Raises
    ------
    ManifestError
        If there is no such column, or it holds something else than vectors of one length.
    """
    if name not in train.frame:
        raise ManifestError(
            "an embedding is not in the manifests",
            got=f"no column {name}",
            expected="a column of vectors: numbers with spaces between",
            fix="write it into every manifest, or leave it out of `embeddings`",
        )
    texts = ["" if value != value else str(value) for value in train.frame[name]]
    try:
        rows = [np.array(text.split(), np.float32) for text in texts]
        lengths = {len(row) for row in rows if len(row)}
        if len(lengths) != 1 or not all(np.isfinite(row).all() for row in rows):
            raise ValueError(f"vectors of {sorted(lengths)} finite numbers")
    except ValueError as error:
        raise ManifestError(
            f"the column {name} does not hold embeddings",
            got=str(error),
            expected="as many finite numbers for every face, or nothing",
        ) from error
    [length] = lengths
    vectors = np.stack([row if len(row) else np.full(length, np.nan, np.float32) for row in rows])
    spread = np.nanstd(vectors, axis=0)
    return np.asarray(
        (vectors - np.nanmean(vectors, axis=0)) / np.where(spread > 0, spread, 1), np.float32
    )


def embedding_losses(given: Tensor, wanted: Tensor) -> Tensor:
    """How far N x D given numbers are from the wanted ones, on average over D (N).

    In standard deviations, and with their square near the target (smooth L1); NaN counts nothing.
    """
    known = torch.where(wanted.isnan(), given.detach(), wanted)
    return functional.smooth_l1_loss(given, known, beta=LINEAR_FROM, reduction="none").mean(1)
