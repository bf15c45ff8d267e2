"""Architectures, and named, versioned weights. Importing this loads no torch."""

from facelage.models.registry import (
    create_model,
    list_architectures,
    load_weights,
    save_weights,
)
from facelage.models.weights import WeightsEntry, get_weights, list_models

__all__ = [
    "WeightsEntry",
    "create_model",
    "get_weights",
    "list_architectures",
    "list_models",
    "load_weights",
    "save_weights",
]
