"""What the network learns beside ages, in training only, and what that costs each face."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facelage.data.manifest import Manifest
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.attributes import attribute_classes, attribute_labels, attribute_losses
from facelage.train.config import TrainConfig
from facelage.train.embeddings import embedding_losses, embedding_targets
from facelage.train.heads import Answers, TaughtModel
from facelage.train.losses import distribution_losses


class SideTasks:
    """The settings' distribution, attributes and embeddings, for the rows of a training split.

    Raises
    ------
    ManifestError
        If the manifest lacks a column, or it can't be learnt.
    """

    def __init__(self, train: Manifest, config: TrainConfig) -> None:
        self._config = config
        classes = attribute_classes(train, tuple(config.attributes))
        self._sizes = [len(values) for values in classes.values()]
        self._labels = torch.from_numpy(attribute_labels(train, classes))
        self._vectors = [
            torch.from_numpy(embedding_targets(train, name)) for name in config.embeddings
        ]

    def heads_for(self, model: AgeMobileNetV2) -> TaughtModel:
        """The model with the neurons that these tasks and the teachers need."""
        return TaughtModel(
            model,
            tuple(self._config.teachers),
            distribution=self._config.distribution > 0,
            attributes=self._sizes,
            embeddings=[vectors.shape[1] for vectors in self._vectors],
        )

    def losses(self, answers: Answers, ages: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """What the faces of the split's `rows` cost (N), with `ages` (N, years) as labels."""
        config = self._config
        total = attribute_losses(
            answers.attributes, self._labels[rows], tuple(config.attributes.values())
        )
        if answers.year_logits is not None:
            total = total + config.distribution * distribution_losses(answers.year_logits, ages)
        for given, wanted, weight in zip(
            answers.embeddings, self._vectors, config.embeddings.values(), strict=True
        ):
            total = total + weight * embedding_losses(given, wanted[rows])
        return total
