"""The training loop: from prepared crops to the weights with the lowest validation loss.

A run's folder holds ``config.json``, ``metrics.csv`` (a line an epoch),
``best.safetensors`` (lowest validation loss), ``last.safetensors`` and
``last.pt`` (everything a resumed run needs). Each epoch draws its random
numbers from (seed, epoch) alone, so a run that was interrupted and started
again gives the weights that an uninterrupted one gives.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest, concat
from facelage.errors import CheckpointError, ManifestError, TrainingDivergedError
from facelage.files import write_text
from facelage.metrics import cs, mae
from facelage.models.registry import create_model, save_weights
from facelage.train.allocator import keep_freed_memory
from facelage.train.averaging import averaged
from facelage.train.batches import Batch, epoch_batches, to_input
from facelage.train.checkpoint import load_checkpoint, save_checkpoint
from facelage.train.config import TrainConfig
from facelage.train.logs import EpochLog, RunLog
from facelage.train.losses import get_loss, weighted_mean
from facelage.train.optim import make_optimiser, make_schedule
from facelage.train.sampling import sampling_weights


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a run ended with: its folder, the best epoch (from 1), and every epoch's figures."""

    folder: Path
    best_epoch: int
    best_val_loss: float
    history: list[EpochLog] = field(default_factory=list)


class Trainer:
    """Trains an age model on prepared crops.

    Parameters
    ----------
    config:
        The settings; the defaults train MobileNetV2 with MSE, AdamW, a cosine
        schedule and averaged weights.
    crop:
        The crop that the manifests were prepared with.
    progress:
        Show progress bars and a line an epoch on standard error.
    """

    def __init__(
        self,
        config: TrainConfig | None = None,
        *,
        crop: CropSpec | None = None,
        progress: bool = True,
    ) -> None:
        self.config = config or TrainConfig()
        self.crop = crop or CropSpec()
        self.progress = progress

    def fit(
        self, manifests: Manifest | Sequence[Manifest], folder: str | os.PathLike[str]
    ) -> TrainResult:
        """Train on the ``train`` rows, validate on the ``val`` rows.

        Parameters
        ----------
        manifests:
            One or several prepared manifests.
        folder:
            The run's folder; an interrupted run in it is continued, and a
            finished one is returned as it is.

        Raises
        ------
        ManifestError
            If a split is empty, or a row has no crop.
        CheckpointError
            If the folder holds a run with other settings or data.
        TrainingDivergedError
            If the loss is no longer finite.
        """
        parts = [manifests] if isinstance(manifests, Manifest) else list(manifests)
        data = concat(parts)
        train, val = data.usable("train"), data.usable("val")
        for name, part in (("train", train), ("val", val)):
            if len(part) < 2:
                raise ManifestError(
                    f"the {name} split is empty",
                    got=f"{len(part)} usable rows",
                    expected="at least 2",
                    fix="run `facelage prepare`, which assigns splits",
                )
        keep_freed_memory()
        threads = torch.get_num_threads()
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        try:
            with torch.random.fork_rng(devices=[]):
                return _Run(self.config, self.crop, train, val, Path(folder), self.progress).fit()
        finally:
            torch.set_num_threads(threads)


class _Run:
    """One call of fit: the model, what updates it, and where it is written."""

    def __init__(
        self,
        config: TrainConfig,
        crop: CropSpec,
        train: Manifest,
        val: Manifest,
        folder: Path,
        progress: bool,
    ) -> None:
        self.config, self.crop, self.folder, self.progress = config, crop, folder, progress
        self.train_ages, self.val_ages = train.ages(), val.ages()
        self.identity = _identity(train, val, crop)
        self.log = RunLog(folder, progress=progress, tensorboard=config.tensorboard)
        self.loss = get_loss(config.loss, config.huber_delta)
        torch.manual_seed(config.seed)
        self.model = create_model(
            config.architecture,
            backbone=config.backbone,
            age_mean=float(self.train_ages.mean()),
            age_std=float(max(1.0, self.train_ages.std())),
            dropout=config.dropout,
        ).to(memory_format=torch.channels_last)
        self.average = averaged(self.model, config.ema_decay) if config.ema_decay else None
        self.optimiser = make_optimiser(self.model, config)
        self.steps = math.ceil(len(train) / config.batch_size)
        self.schedule = make_schedule(self.optimiser, config, self.steps)
        self.best = math.inf
        self.best_epoch = 0
        self.history: list[EpochLog] = []
        self._resume()
        if not self._finished():
            memory = config.memory_gb
            self.train_store = CropStore(train, memory_gb=memory, progress=progress)
            self.val_store = CropStore(val, memory_gb=memory, progress=progress)
            self.weights = _source_weights(train, config)
            balanced = sampling_weights(self.train_ages, config.balance)
            # The sampler balances ages; the loss weighs sources.
            self.sampling = torch.from_numpy(balanced)

    def fit(self) -> TrainResult:
        for epoch in range(len(self.history) + 1, self.config.epochs + 1):
            if self._finished():
                break
            train_loss = self._train(epoch)
            val_loss, val_mae, val_cs5 = self._validate()
            entry = EpochLog(
                epoch, train_loss, val_loss, val_mae, val_cs5, float(self.schedule.get_last_lr()[0])
            )
            self.history.append(entry)
            if val_loss < self.best:
                self.best, self.best_epoch = val_loss, epoch
                self._save_weights("best.safetensors", entry)
            self._save_weights("last.safetensors", entry)
            self._save_state()
            self.log.epoch(entry, self.history, best=self.best_epoch == epoch)
        self.log.close()
        return TrainResult(self.folder, self.best_epoch, self.best, self.history)

    def _finished(self) -> bool:
        done = len(self.history)
        stalled = self.config.patience and done - self.best_epoch >= self.config.patience
        return done >= self.config.epochs or bool(stalled and done)

    def _train(self, epoch: int) -> float:
        config = self.config
        torch.manual_seed(_mix(config.seed, epoch))
        self.model.train()
        total, seen = 0.0, 0
        with self.log.bar(self.steps, f"epoch {epoch}/{config.epochs}") as bar:
            for step, batch in enumerate(self._batches(epoch), start=1):
                self.optimiser.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
                    ages = self.model(batch.images)
                loss = weighted_mean(self.loss(ages.float(), batch.ages), batch.weights)
                value = loss.item()
                if not math.isfinite(value):
                    self._diverged(epoch, step, batch)
                loss.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
                self.optimiser.step()
                self.schedule.step()
                if self.average is not None:
                    self.average.update_parameters(self.model)
                total, seen = total + value * len(batch.rows), seen + len(batch.rows)
                bar.set_postfix(loss=f"{total / seen:.2f}", refresh=False)
                bar.update()
        return total / seen

    def _batches(self, epoch: int) -> Any:
        from torch.utils.data import WeightedRandomSampler

        config = self.config
        generator = torch.Generator().manual_seed(_mix(config.seed, epoch))
        if config.balance:
            sampler = WeightedRandomSampler(
                cast("Sequence[float]", self.sampling), len(self.sampling), generator=generator
            )
            order = np.fromiter(sampler, np.int64, len(self.sampling))
        else:
            order = torch.randperm(len(self.sampling), generator=generator).numpy()
        return epoch_batches(
            self.train_store,
            order,
            self.train_ages.astype(np.float32),
            self.weights,
            self.crop,
            batch_size=config.batch_size,
            size=_size_at(config, self.crop, epoch),
            level=config.augmentation,
            seed=(config.seed, epoch),
        )

    def _averaged_model(self) -> nn.Module:
        return self.average.module if self.average is not None else self.model

    @torch.no_grad()
    def _validate(self) -> tuple[float, float, float]:
        model = self._averaged_model().eval()
        pad = (self.val_store.shape[0] - self.crop.size) // 2
        inner = slice(pad, pad + self.crop.size)
        predicted = []
        for start in range(0, len(self.val_store), 256):
            rows = np.arange(start, min(start + 256, len(self.val_store)))
            crops = np.ascontiguousarray(self.val_store.batch(rows)[:, inner, inner])
            predicted.append(model(to_input(crops, self.crop)).float())
        ages = torch.cat(predicted)
        true = torch.from_numpy(self.val_ages.astype(np.float32))
        loss = float(self.loss(ages, true).mean())
        guess = ages.double().numpy()
        return loss, mae(self.val_ages, guess), cs(self.val_ages, guess, 5)

    def _diverged(self, epoch: int, step: int, batch: Batch) -> None:
        names = [self.train_store.names[row] for row in batch.rows[:8]]
        more = f" and {len(batch.rows) - 8} more" if len(batch.rows) > 8 else ""
        raise TrainingDivergedError(
            f"the loss is not finite at epoch {epoch}, step {step}",
            got=f"a batch of {', '.join(names)}{more}",
            fix="lower the learning rate; if it stays, look at these files and their ages",
        )

    def _save_weights(self, name: str, entry: EpochLog) -> None:
        save_weights(
            cast(Any, self._averaged_model()),
            self.folder / name,
            self.crop,
            architecture=self.config.architecture,
            metadata={
                "facelage.epoch": entry.epoch,
                "facelage.val_loss": entry.val_loss,
                "facelage.val_mae": entry.val_mae,
            },
        )

    def _save_state(self) -> None:
        save_checkpoint(
            self.folder / "last.pt",
            {
                "identity": self.identity,
                "config": self.config.to_json(),
                "model": self.model.state_dict(),
                "average": self.average.state_dict() if self.average is not None else {},
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "best": self.best,
                "best_epoch": self.best_epoch,
                "history": [entry.to_dict() for entry in self.history],
            },
        )

    def _resume(self) -> None:
        path = self.folder / "last.pt"
        if not path.is_file():
            write_text(self.folder / "config.json", self.config.to_json())
            return
        state = load_checkpoint(path)
        if state["config"] != self.config.to_json() or state["identity"] != self.identity:
            other = "settings" if state["config"] != self.config.to_json() else "data"
            raise CheckpointError(
                f"the folder holds a run with other {other}",
                got=str(self.folder),
                expected="the settings in its config.json and the data it began with",
                fix="choose another folder, or delete this one",
            )
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.history = [EpochLog(**entry) for entry in state["history"]]


def _mix(seed: int, epoch: int) -> int:
    """One 63-bit seed out of two numbers, so that neighbouring runs share no random numbers."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


def _size_at(config: TrainConfig, crop: CropSpec, epoch: int) -> int:
    sizes = config.sizes or (crop.size,)
    return sizes[(epoch - 1) * len(sizes) // config.epochs]


def _source_weights(train: Manifest, config: TrainConfig) -> NDArray[np.float32]:
    weights = np.ones(len(train), np.float32)
    if not config.source_weights:
        return weights
    sources = train.frame["source"] if "source" in train.frame else [train.root.name] * len(train)
    unknown = sorted(set(config.source_weights) - set(sources))
    if unknown:
        raise ManifestError(
            "source_weights names data sets that are not there",
            got=", ".join(unknown),
            expected=", ".join(sorted(set(sources))),
        )
    for row, source in enumerate(sources):
        weights[row] = config.source_weights.get(source, 1.0)
    return weights


def _identity(train: Manifest, val: Manifest, crop: CropSpec) -> str:
    """A digest of the crops' names, their ages and the crop's numbers."""
    digest = hashlib.sha256(crop.digest().encode())
    for part in (train, val):
        for name, age in zip(part.frame["crop"], part.ages(), strict=True):
            digest.update(f"{name}\t{age:g}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()
