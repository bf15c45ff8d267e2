"""What the network learns beside ages, in training only, and what that costs each face."""

from __future__ import annotations

from collections.abc import Mapping

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
from facelage.train.live import LiveTeachers
from facelage.train.losses import distribution_losses


class SideTasks:
    """The settings' distribution, attributes and embeddings, for the rows of a training split.

    Raises
    ------
    ManifestError
        If the manifest lacks a column, or it can't be learnt.
    """

    def __init__(
        self, train: Manifest, config: TrainConfig, live: LiveTeachers | None = None
    ) -> None:
        live = live or LiveTeachers()
        self._config = config
        classes = attribute_classes(train, tuple(config.attributes))
        self._sizes = [len(values) for values in classes.values()]
        self._labels = torch.from_numpy(attribute_labels(train, classes))
        self._vectors = {
            name: torch.from_numpy(embedding_targets(train, name))
            for name in config.embeddings
            if name not in live
        }
        components = {name: vectors.shape[1] for name, vectors in self._vectors.items()}
        components |= live.components
        self._components = [components[name] for name in config.embeddings]

    def heads_for(self, model: AgeMobileNetV2) -> TaughtModel:
        """The model with the neurons that these tasks and the teachers need.

        A trained model's teachers begin with what its own neuron has learned.
        """
        taught = TaughtModel(
            model,
            tuple(self._config.teachers),
            distribution=self._config.distribution > 0,
            attributes=self._sizes,
            embeddings=self._components,
        )
        if self._config.weights is not None and taught.others is not None:
            with torch.no_grad():
                taught.others.weight.copy_(model.head.weight.expand_as(taught.others.weight))
                taught.others.bias.copy_(model.head.bias.expand_as(taught.others.bias))
        return taught

    def losses(
        self,
        answers: Answers,
        ages: Tensor,
        rows: NDArray[np.int64],
        said: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """What the faces of the split's `rows` cost (N).

        With `ages` (N, years) as labels, and what live teachers have `said` of them.
        """
        config, said = self._config, said or {}
        total = attribute_losses(
            answers.attributes, self._labels[rows], tuple(config.attributes.values())
        )
        if answers.year_logits is not None:
            total = total + config.distribution * distribution_losses(answers.year_logits, ages)
        for given, (name, weight) in zip(
            answers.embeddings, config.embeddings.items(), strict=True
        ):
            wanted = said[name] if name in said else self._vectors[name][rows]
            total = total + weight * embedding_losses(given, wanted)
        return total
