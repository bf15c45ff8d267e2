"""Measure a model on a manifest: every figure with its n, failures counted beside it."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.errors import ManifestError
from facelage.evaluate.models import CropModel
from facelage.files import write_atomically, write_text
from facelage.infer.predictor import AgePredictor
from facelage.metrics import (
    by_band,
    by_group,
    cs_curve,
    macro_mae,
    summary,
    summary_intervals,
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's predictions on a set of faces, and the figures.

    Attributes
    ----------
    model, data:
        Names for titles.
    predictions:
        One row an image: path, age, predicted (NaN for a failure), status, and
        the manifest's other columns.
    figures:
        Plain data: ``summary``, ``intervals`` (95 % bootstrap), ``macro_mae``,
        ``cs_curve``, ``by_decade``, ``by_group``, ``images`` (with an age),
        ``failures`` (of them, by status), ``unlabelled`` (beside them).
    """

    model: str
    data: str
    predictions: pd.DataFrame
    figures: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``metrics.json``, ``predictions.csv`` and ``report.txt``."""
        from facelage.evaluate.report import text_report

        folder = Path(folder)
        write_text(folder / "metrics.json", json.dumps(self.figures, indent=2) + "\n")
        write_text(folder / "report.txt", text_report(self))
        write_atomically(
            folder / "predictions.csv",
            lambda temporary: self.predictions.to_csv(temporary, index=False, lineterminator="\n"),
        )


def evaluate(
    model: CropModel | AgePredictor,
    manifest: Manifest,
    *,
    data: str = "",
    groups: tuple[str, ...] = (),
    rounds: int = 1000,
    batch_size: int = 64,
    progress: bool = False,
) -> Evaluation:
    """Measure `model` on the rows of `manifest`.

    Parameters
    ----------
    model:
        A :class:`CropModel`, which is given the manifest's prepared crops, or an
        :class:`AgePredictor`, which is given its whole images and has to find
        the faces itself (the largest counts).
    manifest:
        For a :class:`CropModel` rows with a status other than ok count as
        failures (take ``manifest.usable()`` to leave them out); an
        :class:`AgePredictor` tries every row and gives it a status of its own.
        Rows without an age are left out and counted.
    data:
        Name of the data for titles.
    groups:
        Columns to break the figures down by.
    rounds:
        Bootstrap rounds.

    Raises
    ------
    ConfigError
        If the faces were prepared with another crop than the model's.
    ManifestError
        If a group column is missing, or nothing could be predicted.
    """
    missing = [name for name in groups if name not in manifest.frame]
    if missing:
        raise ManifestError(
            "the manifest lacks columns to group by",
            got=", ".join(missing),
            expected="some of " + ", ".join(manifest.frame.columns),
        )
    labelled = ~np.isnan(manifest.ages())
    unlabelled = int((~labelled).sum())
    manifest = Manifest(manifest.frame[labelled], manifest.root)
    if isinstance(model, AgePredictor):
        frame = _predict_images(model, manifest, batch_size, progress)
        name = model.model
    else:
        agreed_crop([manifest.root], model.crop)
        frame = _predict_crops(model, manifest, batch_size, progress)
        name = model.name
    figures = _figures(frame, groups, rounds) | {"unlabelled": unlabelled}
    return Evaluation(name, data, frame, figures)


def _predict_crops(
    model: CropModel, manifest: Manifest, batch_size: int, progress: bool
) -> pd.DataFrame:
    frame = manifest.frame.copy()
    usable = np.flatnonzero((frame["status"] == "ok").to_numpy())
    predicted = np.full(len(frame), np.nan)
    if len(usable):
        # Decoded batch by batch: an evaluation sees each crop once.
        store = CropStore(manifest.usable(), memory_gb=0.0)
        for start in tqdm(
            range(0, len(usable), batch_size), desc="evaluate", unit="batch", disable=not progress
        ):
            rows = np.arange(start, min(start + batch_size, len(usable)))
            predicted[usable[rows]] = model.ages(store.canonical(rows, model.crop))
    # A model's NaN is a failure like any other, and needs a name among them.
    silent = usable[~np.isfinite(predicted[usable])]
    predicted[silent] = np.nan
    frame.loc[silent, "status"] = "no_age"
    frame.loc[silent, "reason"] = "the model gave no finite age"
    frame["predicted"] = predicted
    return frame


def _predict_images(
    predictor: AgePredictor, manifest: Manifest, batch_size: int, progress: bool
) -> pd.DataFrame:
    frame = manifest.frame.copy()
    results = predictor.iter_predict(manifest.locate("path"), batch_size=batch_size)
    predicted, status, reason, found = [], [], [], []
    for result in tqdm(
        results, total=len(frame), desc="evaluate", unit="img", disable=not progress
    ):
        predicted.append(result.faces[0].age if result.faces else np.nan)
        status.append(result.status)
        reason.append(str(result.error) if result.error else "")
        found.append(len(result.faces))
    frame["predicted"], frame["status"], frame["reason"] = predicted, status, reason
    frame["faces_found"] = found
    return frame


def _figures(frame: pd.DataFrame, groups: tuple[str, ...], rounds: int) -> dict[str, Any]:
    done = frame[frame["predicted"].notna()]
    failed = frame[frame["predicted"].isna()]
    if done.empty:
        raise ManifestError(
            "no face could be predicted",
            got=", ".join(f"{n} {s}" for s, n in Counter(failed["status"]).items()) or "0 rows",
            fix="check the images and the detector",
        )
    true, predicted = done["age"].to_numpy(float), done["predicted"].to_numpy(float)
    return {
        "summary": summary(true, predicted),
        "intervals": {
            key: list(ends)
            for key, ends in summary_intervals(true, predicted, rounds=rounds).items()
        },
        "macro_mae": macro_mae(true, predicted),
        "cs_curve": {str(k): share for k, share in cs_curve(true, predicted).items()},
        "by_decade": by_band(true, predicted),
        "by_group": {name: by_group(true, predicted, list(done[name])) for name in groups},
        "images": len(frame),
        "failures": {str(k): int(v) for k, v in failed["status"].value_counts().items()},
    }
