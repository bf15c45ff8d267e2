"""What a run tells while it goes: bars, a line an epoch, ``metrics.csv``, TensorBoard."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from facelage.errors import MissingDependencyError
from facelage.files import write_text


@dataclass(frozen=True, slots=True)
class EpochLog:
    """One epoch: losses as configured, MAE in years, CS@5 as a share, last learning rate."""

    epoch: int
    train_loss: float
    val_loss: float
    val_mae: float
    val_cs5: float
    lr: float

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        return asdict(self)


class RunLog:
    """Writes a run's figures into its folder and, with `progress`, to standard error."""

    def __init__(self, folder: Path, *, progress: bool, tensorboard: bool) -> None:
        self.folder = folder
        self.progress = progress
        self._board: Any = None
        self._open_board: Callable[[], Any] | None = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingDependencyError(
                    "TensorBoard logs need tensorboard",
                    got=str(error),
                    fix="pip install 'facelage[tensorboard]'",
                ) from error
            self._open_board = lambda: SummaryWriter(str(folder / "tensorboard"))

    def bar(self, steps: int, name: str) -> Any:
        """A progress bar over an epoch's steps."""
        from tqdm import tqdm

        return tqdm(
            total=steps,
            desc=name,
            unit="batch",
            leave=False,
            disable=not self.progress,
            mininterval=1.0 if sys.stderr.isatty() else 60.0,
        )

    def epoch(self, entry: EpochLog, history: Sequence[EpochLog], *, best: bool) -> None:
        """Record one epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [f.name for f in fields(EpochLog)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(past.to_dict() for past in history)
        write_text(self.folder / "metrics.csv", text.getvalue())
        if self._board is None and self._open_board is not None:
            self._board = self._open_board()
        if self._board is not None:
            for name, value in entry.to_dict().items():
                if name != "epoch":
                    self._board.add_scalar(name, value, entry.epoch)
        if self.progress:
            print(
                f"epoch {entry.epoch}: train loss {entry.train_loss:.3f}, "
                f"val loss {entry.val_loss:.3f}, MAE {entry.val_mae:.3f} years, "
                f"CS@5 {entry.val_cs5:.1%}{'  *best' if best else ''}",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """Finish the TensorBoard file."""
        if self._board is not None:
            self._board.close()
