"""Optimiser and learning-rate schedule from a config."""

from __future__ import annotations

import math

from torch import nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from facelage.train.config import TrainConfig


def make_optimiser(model: nn.Module, config: TrainConfig) -> Optimizer:
    """Adam or AdamW; biases and BatchNorm's scales are not decayed."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    kind = AdamW if config.optimiser == "adamw" else Adam
    return kind(groups, lr=config.lr, fused=True)


def make_schedule(optimiser: Optimizer, config: TrainConfig, steps_per_epoch: int) -> LambdaLR:
    """The factor on the learning rate, step by step: a linear warm-up, then the schedule."""
    warmup = round(config.warmup_epochs * steps_per_epoch)
    total = config.epochs * steps_per_epoch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min(1.0, (step - warmup) / max(1, total - warmup))
        if config.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done)) + 1e-4
        if config.schedule == "step":
            return 1.0 if done < 0.6 else 0.1 if done < 0.85 else 0.01
        return 1.0

    return LambdaLR(optimiser, factor)
