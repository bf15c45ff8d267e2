"""A run's state on disk: written whole, loaded without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from facelage.errors import CheckpointError
from facelage.files import write_atomically
from facelage.train.config import TrainConfig

#: What last.pt holds.
_STATE = {"identity", "config", "model", "average", "optimiser", "schedule"}
_STATE |= {"best", "best_epoch", "history"}


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


def check_state(
    state: dict[str, Any], file: Path, config: TrainConfig, identity: str, initial: str
) -> None:
    """Whether a run of this config and data, that began with these weights, may go on with a state.

    `initial` is empty where the weights that the run began with can't be read any more.

    Raises
    ------
    CheckpointError
        If it may not.
    """
    lacking = sorted(_STATE - state.keys())
    if lacking:
        raise CheckpointError(
            "the checkpoint is not a run's",
            got=f"{file} without {', '.join(lacking)}",
            expected="a last.pt written by facelage's Trainer",
            fix="choose another folder, or delete the file to start again",
        )
    began = TrainConfig.from_json(state["config"])
    other = "" if state["identity"] == identity else "data"
    if initial and state.get("initial") and state["initial"] != initial:
        other = "initial weights"
    if not began.same_course(config):
        other = "settings"
    if other:
        raise CheckpointError(
            f"the folder holds a run with other {other}",
            got=str(file.parent),
            expected="the settings in its config.json and the data it began with",
            fix="choose another folder, or delete this one",
        )


def spare_finished(folder: Path, config: TrainConfig) -> None:
    """Raise a :class:`CheckpointError` for a finished run of other settings without its state."""
    began = folder / "config.json"
    if not (folder / "best.safetensors").is_file() or not began.is_file():
        return
    if not TrainConfig.load(began).same_course(config):
        raise CheckpointError(
            "the folder holds the weights of a run with other settings",
            got=str(folder / "best.safetensors"),
            fix="choose another folder, or delete this one",
        )
