"""A run's state on disk: written whole, loaded without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from facelage.errors import CheckpointError
from facelage.files import write_atomically


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write tensors and plain data atomically."""
    write_atomically(path, lambda temporary: torch.save(state, temporary))


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint with ``weights_only=True``: tensors and plain data, no pickled code.

    Raises
    ------
    CheckpointError
        If the file is missing, broken, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("there is no checkpoint", got=str(path))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each have their own
        raise CheckpointError(
            "the checkpoint can't be loaded",
            got=f"{path}: {(str(error) or type(error).__name__).splitlines()[0][:200]}",
            expected="a file written by facelage's Trainer",
            fix="delete it to start again",
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError("the checkpoint can't be loaded", got=f"a {type(state).__name__}")
    return state
