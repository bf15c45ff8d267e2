"""The training loop: from prepared crops to the weights with the lowest validation loss.

A run's folder holds ``config.json``, ``metrics.csv`` (a line an epoch),
``best.safetensors`` (lowest validation loss), ``last.safetensors`` and
``last.pt`` (everything a resumed run needs). Each epoch draws its random
numbers from (seed, epoch) alone, so a run that was interrupted and started
again gives the weights that an uninterrupted one gives.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from facelage.data.align import CropSpec
from facelage.data.balance import balance_weights
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest, concat
from facelage.data.prepared import agreed_crop
from facelage.errors import TrainingDivergedError
from facelage.files import write_text
from facelage.metrics import cs, mae
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.models.registry import save_weights
from facelage.train.activation import clamp_in_place
from facelage.train.averaging import averaged
from facelage.train.batches import Batch, epoch_batches, predict
from facelage.train.checkpoint import (
    check_state,
    load_checkpoint,
    save_checkpoint,
    spare_finished,
)
from facelage.train.config import TrainConfig
from facelage.train.freezing import freeze
from facelage.train.heads import TaughtModel
from facelage.train.initial import initial_digest, new_model
from facelage.train.inputs import check_rows, identity, loss_weights, teacher_targets
from facelage.train.live import LiveTeachers, with_answers
from facelage.train.logs import EpochLog, RunLog
from facelage.train.losses import get_loss, taught_losses, weighted_mean
from facelage.train.norms import fold_norms
from facelage.train.optim import make_optimiser, make_schedule
from facelage.train.precision import keep_slow_in_float32
from facelage.train.remembered import RememberedTeachers
from facelage.train.side_tasks import SideTasks


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
        The crop that the manifests were prepared with; by default the one that
        their folders name.
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
        self.crop = crop
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
            If a split is empty, a row has no crop or no age, or the crops' size
            does not fit `crop`.
        ConfigError
            If the manifests were prepared with different crops, or not with `crop`.
        CheckpointError
            If the folder holds a run with other settings or data.
        TrainingDivergedError
            If the loss is no longer finite.

        Notes
        -----
        torch's random state and number of threads are as before afterwards. On
        Linux, :func:`facelage.train.allocator.keep_freed_memory` before training
        saves a third of the time or more; ``facelage train`` calls it.
        """
        parts = [manifests] if isinstance(manifests, Manifest) else list(manifests)
        crop = agreed_crop([part.root for part in parts], self.crop)
        data = concat(parts)
        train, val = data.usable("train"), data.usable("val")
        for name, part in (("train", train), ("val", val)):
            check_rows(name, part)
        threads = torch.get_num_threads()
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        try:
            with torch.random.fork_rng(devices=[]):
                run = _Run(self.config, crop, train, val, Path(folder), self.progress)
                with closing(run.log):
                    return run.fit()
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
        self.live = LiveTeachers(
            config.live,
            config.teachers,
            config.embeddings,
            sizes=config.sizes or (crop.size,),
            threads=config.threads,
        )
        self.side = SideTasks(train, config, self.live)  # names a column that is not there
        self.identity = identity(train, val, crop, config, self.live)
        self.initial = initial_digest(config)
        self.loss = get_loss(config.loss, config.huber_delta)
        torch.default_generator.manual_seed(config.seed)
        model = new_model(config, crop, self.train_ages, resumed=self._state_file.is_file())
        clamp_in_place(model)
        if config.frozen_norms:
            fold_norms(model)
        if config.bfloat16:
            keep_slow_in_float32(model)
        self.model = self.side.heads_for(model).to(memory_format=torch.channels_last)
        self.shares = torch.tensor([1.0, *config.teachers.values()])
        self.average = averaged(self.model, config.ema_decay) if config.ema_decay else None
        self.optimiser = make_optimiser(self.model, config)
        # As epoch_batches, which leaves out a last batch of one face.
        self.steps = math.ceil((len(train) - 1) / config.batch_size)
        self.schedule = make_schedule(self.optimiser, config, self.steps)
        self.best = math.inf
        self.best_epoch = 0
        self.history: list[EpochLog] = []
        self._resume()
        self.log = RunLog(folder, progress=progress, tensorboard=config.tensorboard)
        if not self._finished():
            memory = config.memory_gb
            # The sampler balances ages; the loss weighs sources and ages.
            self.sampling = torch.from_numpy(
                balance_weights(self.train_ages, config.balance, limit=config.balance_limit)
            )
            self.weights = loss_weights(train, config)
            self.targets = teacher_targets(train, config, self.live)
            self.asked = RememberedTeachers(self.live, len(train), config.live_views)
            self.train_store = CropStore(train, memory_gb=memory, progress=progress)
            self.val_store = CropStore(val, memory_gb=memory, progress=progress)
            self.train_store.check(crop)
            self.val_store.check(crop)

    def fit(self) -> TrainResult:
        for epoch in range(len(self.history) + 1, self.config.epochs + 1):
            if self._finished():
                break
            train_loss = self._train(epoch)
            val_loss, val_mae, val_cs5 = self._validate(epoch)
            entry = EpochLog(
                epoch, train_loss, val_loss, val_mae, val_cs5, float(self.schedule.get_last_lr()[0])
            )
            self.history.append(entry)
            if val_loss < self.best:
                self.best, self.best_epoch = val_loss, epoch
                self._save_weights("best.safetensors", entry)
            self._save_weights("last.safetensors", entry)
            self.log.epoch(entry, self.history, best=self.best_epoch == epoch)
            # Last of all: what is written before it is written again if the run dies here.
            self._save_state()
        return TrainResult(self.folder, self.best_epoch, self.best, self.history)

    def _finished(self) -> bool:
        done = len(self.history)
        stalled = self.config.patience and done - self.best_epoch >= self.config.patience
        return done >= self.config.epochs or bool(stalled and done)

    def _train(self, epoch: int) -> float:
        config = self.config
        torch.default_generator.manual_seed(_mix(config.seed, epoch))
        self.model.train()
        frozen = freeze(self.model.model.features, _at(config.frozen or (0,), epoch, config))
        total, seen = 0.0, 0
        with (
            self.log.bar(self.steps, f"epoch {epoch}/{config.epochs}") as bar,
        ):
            for step, batch in enumerate(self._batches(epoch), start=1):
                said = self.asked.ask(batch.whole, batch.rows, batch.views)
                targets = with_answers(batch.targets, config.teachers, said)
                self.optimiser.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
                    answers = self.model(frozen(batch.images), skip=len(frozen))
                losses = taught_losses(answers.ages, targets, self.shares, self.loss)
                losses = losses + self.side.losses(answers, targets[:, 0], batch.rows, said)
                loss = weighted_mean(losses, batch.weights)
                value = loss.item()
                if not math.isfinite(value):
                    self._diverged(epoch, step, batch, losses)
                loss.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
                self.optimiser.step()
                self.schedule.step()
                if self.average is not None:
                    self.average.update_parameters(self.model)
                total, seen = total + value * len(batch.rows), seen + len(batch.rows)
                bar.set_postfix(loss=f"{total / seen:.2f}", refresh=False)
                bar.update()
        return total / seen

    def _batches(self, epoch: int) -> Iterator[Batch]:
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
            self.targets,
            self.weights,
            self.crop,
            batch_size=config.batch_size,
            size=_at(config.sizes or (self.crop.size,), epoch, config),
            level=config.augmentation,
            damage=config.damage,
            seed=(config.seed, epoch),
            mixup=config.mixup,
            whole=config.live_whole,
            views=config.live_views,
        )

    @property
    def _state_file(self) -> Path:
        return self.folder / "last.pt"

    def _kept_model(self) -> AgeMobileNetV2:
        """What is validated and written: averaged, with one neuron."""
        model = self.average.module if self.average is not None else self.model
        return cast(TaughtModel, model).folded(self.config.blend)

    @torch.no_grad()
    def _validate(self, epoch: int) -> tuple[float, float, float]:
        guess = predict(self._kept_model(), self.val_store, self.crop)
        ages = torch.from_numpy(guess.astype(np.float32))
        true = torch.from_numpy(self.val_ages.astype(np.float32))
        loss = float(self.loss(ages, true).mean())
        if not math.isfinite(loss):
            names = [self.val_store.names[row] for row in np.flatnonzero(~ages.isfinite().numpy())]
            raise TrainingDivergedError(
                f"the validation loss is not finite after epoch {epoch}",
                got=f"no finite age for {len(names)} faces" + _some(names),
                fix="lower the learning rate, or start from other weights",
            )
        told = np.maximum(guess, 0.0)  # as every exported model does
        return loss, mae(self.val_ages, told), cs(self.val_ages, told, 5)

    def _diverged(self, epoch: int, step: int, batch: Batch, losses: Tensor) -> None:
        rows = batch.rows[~losses.detach().isfinite().numpy()]
        names = [self.train_store.names[row] for row in rows]
        raise TrainingDivergedError(
            f"the loss is not finite at epoch {epoch}, step {step}",
            got=f"no finite loss for {len(names)} of {len(batch.rows)} faces" + _some(names),
            fix="lower the learning rate; if it stays, look at these files and their ages",
        )

    def _save_weights(self, name: str, entry: EpochLog) -> None:
        save_weights(
            self._kept_model(),
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
            self._state_file,
            {
                "identity": self.identity,
                "config": self.config.to_json(),
                "initial": self.initial,
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
        if not self._state_file.is_file():
            spare_finished(self.folder, self.config)
            write_text(self.folder / "config.json", self.config.to_json())
            return
        state = load_checkpoint(self._state_file)
        check_state(state, self._state_file, self.config, self.identity, self.initial)
        self.initial = self.initial or state.get("initial", "")
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.history = [EpochLog(**entry) for entry in state["history"]]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f": {', '.join(names[:8])}{more}" if names else ""


def _mix(seed: int, epoch: int) -> int:
    """One 63-bit seed out of two numbers, so that neighbouring runs share no random numbers."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)


def _at(values: tuple[int, ...], epoch: int, config: TrainConfig) -> int:
    """The value of a setting that changes over equal stretches of the run."""
    return values[(epoch - 1) * len(values) // config.epochs]
