"""What else is known of a face (gender, race, ...), told beside its age in training.

A network that also has to tell them learns features that hold for unseen faces better
(multi-task learning; Caruana, Machine Learning 28, 1997).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facelage.data.manifest import Manifest
from facelage.errors import ManifestError

#: Label of a face of which an attribute is not known.
UNKNOWN = -1


def attribute_classes(train: Manifest, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The values that each attribute has among the training faces, in alphabetical order.

    Raises
    ------
    ManifestError
        If an attribute has no column, or fewer than two values.
    """
    classes = {}
    for name in names:
        if name not in train.frame:
            raise ManifestError(
                "an attribute is not in the manifests",
                got=f"no column {name}",
                expected=f"one of {', '.join(map(str, train.frame))}",
                fix="leave it out of `attributes`, or give the table it comes from to `prepare`",
            )
        values = sorted({text for text in _texts(train, name) if text})
        if len(values) < 2:
            raise ManifestError(
                f"the attribute {name} can't be learnt",
                got=", ".join(values) or "no value at all",
                expected="at least two different values among the training faces",
            )
        classes[name] = tuple(values)
    return classes


def attribute_labels(train: Manifest, classes: dict[str, tuple[str, ...]]) -> NDArray[np.int64]:
    """Each face's place in each attribute's classes, N x attributes; UNKNOWN where it is empty."""
    labels = np.full((len(train), len(classes)), UNKNOWN, np.int64)
    for column, (name, values) in enumerate(classes.items()):
        places = {value: place for place, value in enumerate(values)}
        labels[:, column] = [places.get(text, UNKNOWN) for text in _texts(train, name)]
    return labels


def attribute_losses(logits: Sequence[Tensor], labels: Tensor, weights: Sequence[float]) -> Tensor:
    """The weighted sum of each face's cross entropies (N nats); unknown ones count nothing.

    Parameters
    ----------
    logits:
        One tensor an attribute, N x its classes.
    labels:
        N x attributes, int64.
    weights:
        One an attribute.
    """
    total = torch.zeros(len(labels))
    for column, (given, weight) in enumerate(zip(logits, weights, strict=True)):
        total = total + weight * functional.cross_entropy(
            given, labels[:, column], ignore_index=UNKNOWN, reduction="none"
        )
    return total


def _texts(train: Manifest, name: str) -> list[str]:
    # Of several data sets, those without the column have no text there.
    return ["" if pd.isna(value) else str(value) for value in train.frame[name]]
