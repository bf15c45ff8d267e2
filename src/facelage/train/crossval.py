"""Cross-validated training: an honest prediction for every face that may be trained on.

Such out-of-fold predictions give error bars that no lucky split can flatter,
calibrate intervals, and show labels that are likely wrong.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest, concat
from facelage.data.prepared import agreed_crop
from facelage.data.splits import k_folds
from facelage.errors import ManifestError
from facelage.files import different_names, write_atomically
from facelage.models.registry import load_weights
from facelage.train.batches import predict
from facelage.train.config import TrainConfig
from facelage.train.trainer import Trainer


def cross_validate(
    manifests: Manifest | Sequence[Manifest],
    folder: str | os.PathLike[str],
    config: TrainConfig | None = None,
    *,
    folds: int = 5,
    crop: CropSpec | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Train once for each fold without it, and predict the faces of that fold.

    Parameters
    ----------
    manifests:
        One or several prepared manifests. Their ``test`` rows are left out;
        ``train`` and ``val`` rows are divided anew, groups never split.
    folder:
        Gets a run's folder for each fold and ``predictions.csv``, of several manifests
        also ``predictions_FOLDER.csv`` for each, with ``path`` as in that manifest. An
        interrupted cross-validation goes on where it was.
    config, crop, progress:
        As for :class:`facelage.train.Trainer`, but for `patience`, which is not heeded.
        The folds depend on the config's seed.
    folds:
        How many, 2 or more.

    Returns
    -------
    pandas.DataFrame
        One row a face: ``path``, ``age``, ``predicted`` (years), ``fold``, and
        the manifests' other columns; also in ``predictions.csv``.

    Raises
    ------
    ManifestError
        If there is no face to divide, or a fold would be empty.
    ConfigError
        If the manifests' crops differ, or there are fewer than 2 folds.

    Notes
    -----
    The weights after the last epoch predict, not those of the best one: the
    fold's own faces must not choose what predicts them.
    """
    config = config or TrainConfig()
    folder = Path(folder)
    parts = [manifests] if isinstance(manifests, Manifest) else list(manifests)
    crop = agreed_crop([part.root for part in parts], crop)
    data = concat(parts)
    kept = ((data.frame["status"] == "ok") & (data.frame["split"] != "test")).to_numpy()
    data = Manifest(data.frame[kept].reset_index(drop=True), data.root)
    # Patience would let a fold's own faces choose how long it is trained.
    config = replace(config, patience=0)
    if not len(data):
        raise ManifestError("no faces to divide into folds", got="0 usable rows outside `test`")
    number = k_folds(data, folds, seed=config.seed)
    predicted = np.full(len(data), np.nan)
    for fold in range(folds):
        frame = data.frame.assign(split=np.where(number == fold, "val", "train"))
        divided = Manifest(frame, data.root)
        run = Trainer(config, crop=crop, progress=progress).fit(divided, folder / f"fold_{fold}")
        predicted[number == fold] = _predict(
            run.folder / "last.safetensors", divided.usable("val"), crop
        )
    result = data.frame.drop(columns="split").assign(predicted=predicted, fold=number)
    _write(result, folder / "predictions.csv")
    if len(parts) > 1:
        of_part = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[kept]
        paths = np.concatenate([part.frame["path"].to_numpy() for part in parts])[kept]
        folders = different_names((part.root.resolve().name for part in parts), "{}_{}")
        for index, name in enumerate(folders):
            rows = of_part == index
            _write(result[rows].assign(path=paths[rows]), folder / f"predictions_{name}.csv")
    return result


def _write(frame: pd.DataFrame, path: Path) -> None:
    write_atomically(
        path, lambda temporary: frame.to_csv(temporary, index=False, lineterminator="\n")
    )


def _predict(weights: Path, faces: Manifest, crop: CropSpec) -> NDArray[np.float64]:
    model, _ = load_weights(weights)
    return np.maximum(predict(model, CropStore(faces, memory_gb=0.0), crop), 0.0)  # as shipped
