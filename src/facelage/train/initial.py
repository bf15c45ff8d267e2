"""The model that a run begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.errors import ConfigError, WeightsError
from facelage.files import sha256
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.models.registry import create_model, load_weights, safetensors_path
from facelage.train.config import TrainConfig


def new_model(
    config: TrainConfig, crop: CropSpec, ages: NDArray[Any], *, resumed: bool = False
) -> AgeMobileNetV2:
    """A model with the backbone's or the trained weights that `config` names.

    Parameters
    ----------
    crop:
        The crop of the training faces, which trained weights must share.
    ages:
        The training ages in years, shape (N,).
    resumed:
        Whether a checkpoint will fill the model, so that initial weights, which
        may lie elsewhere by now, are not read.

    Raises
    ------
    WeightsError
        If the initial weights can't be had or do not fit.
    ConfigError
        If trained weights belong to another crop or architecture, or if norms are
        to be frozen and there are no initial weights.
    """
    if config.frozen_norms and config.weights is None and config.backbone is None:
        raise ConfigError(
            "frozen norms have no statistics to go by",
            got="neither trained weights nor a backbone",
            expected="a network that has seen pictures: without its statistics nothing is learned",
            fix="give weights or a backbone, or train without frozen_norms",
        )
    model = create_model(
        config.architecture,
        backbone=None if resumed else config.backbone,
        age_mean=float(np.mean(ages)),
        age_std=float(max(1.0, np.std(ages))),
        dropout=config.dropout,
    )
    if config.weights is None or resumed:
        return model
    trained, made_for = load_weights(None if config.weights == "default" else config.weights)
    if made_for != crop:
        raise ConfigError(
            "the trained weights belong to another crop",
            got=made_for.to_json(),
            expected=f"the crop of the training faces: {crop.to_json()}",
            fix="prepare the faces with the weights' crop, or start from a backbone",
        )
    if type(trained) is not type(model):
        raise ConfigError(
            "the trained weights belong to another architecture",
            got=type(trained).__name__,
            expected=config.architecture,
        )
    model.load_state_dict(trained.state_dict())
    return model


def initial_digest(config: TrainConfig) -> str:
    """SHA-256 of the file that a run begins with; empty for none, or where it can't be read.

    torchvision's own weights have their name instead.
    """
    if config.backbone == "torchvision":
        return "torchvision"
    try:
        if config.weights is not None:
            name = None if config.weights == "default" else config.weights
            return sha256(safetensors_path(name))
        return sha256(Path(config.backbone)) if config.backbone is not None else ""
    except (WeightsError, OSError):
        return ""
