"""Train an age model on prepared faces (needs torch, loaded at first use)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelage.train.config import TrainConfig
    from facelage.train.trainer import Trainer, TrainResult

__all__ = ["TrainConfig", "TrainResult", "Trainer"]


def __getattr__(name: str) -> object:
    if name == "TrainConfig":
        from facelage.train.config import TrainConfig

        return TrainConfig
    if name in ("Trainer", "TrainResult"):
        from facelage.train import trainer

        return getattr(trainer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
