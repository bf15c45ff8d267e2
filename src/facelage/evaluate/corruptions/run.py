"""Measure age models on the same faces, clean and damaged."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import align
from facelage.data.images import UInt8Image
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError, ManifestError
from facelage.evaluate.chips import Chip, NoChip, iter_chips
from facelage.evaluate.corruptions.damage import CORRUPTIONS, check_names, check_severities, corrupt
from facelage.evaluate.measure import predict
from facelage.evaluate.models import CropModel, FaceModel
from facelage.files import write_atomically
from facelage.metrics import bias, cs, mae

if TYPE_CHECKING:
    import pandas as pd

CLEAN = "clean"
_CHUNK = 32  # faces held in memory: a chip takes 3 MB at most


@dataclass(frozen=True, slots=True)
class CorruptionResult:
    """The error of each model by corruption and severity.

    Attributes
    ----------
    table:
        Columns ``model``, ``corruption``, ``severity`` (1 to 5; 0 in the one
        row of the corruption ``clean``), ``n`` (faces predicted), ``mae``,
        ``bias`` (years), ``cs5`` (share, 0..1), all three NaN where n is 0, and
        ``failures`` (faces without a prediction): n + failures is `images`.
    images:
        Faces with a known age that were tried.
    unlabelled:
        Rows without an age, left out.
    unusable:
        Those of `images` that could not be shown to any model, by status.
        They are among each row's failures.
    """

    table: pd.DataFrame
    images: int
    unlabelled: int
    unusable: dict[str, int] = field(default_factory=dict)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the table to ``corruptions.csv`` in `folder`."""
        write_atomically(
            Path(folder) / "corruptions.csv",
            lambda temporary: self.table.to_csv(temporary, index=False, lineterminator="\n"),
        )


def corrupt_and_evaluate(
    models: Sequence[CropModel | FaceModel],
    manifest: Manifest,
    *,
    severities: Sequence[int] = (1, 2, 3, 4, 5),
    names: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    photos: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> CorruptionResult:
    """Measure models on the faces of `manifest`, clean and damaged.

    Parameters
    ----------
    models:
        The clean row is what :func:`facelage.evaluate.evaluate` gives on the
        same faces. For the others each model is given the same chips
        (:func:`facelage.evaluate.chips.cut_chip`) with the same damage: a
        :class:`CropModel` what :func:`facelage.data.align.align` cuts out of
        them, a :class:`FaceModel` the chip and the face in it.
    manifest:
        Rows with ``path``, ``box`` and ``landmarks``, as ``facelage prepare``
        writes them. Rows with another status than ok are failures.
    severities:
        Some of 1 to 5.
    names:
        Some of :data:`CORRUPTIONS`; all by default.
    limit:
        At most so many faces, drawn at random from those with an age.
    seed:
        Equal seeds draw the same faces and do the same damage to a face,
        whatever faces, corruptions and models are measured beside it.
    photos:
        Folder of the photos, if it is not where the manifest says.
    progress:
        Show a progress bar on standard error.

    Raises
    ------
    ConfigError
        If a corruption, severity or limit is unknown or out of range, a model
        is of neither kind, or two have one name.
    ManifestError
        If a path leaves its folder, or no face could be shown to the models.

    Notes
    -----
    The face is looked for in the clean photo only. Its box and landmarks stay
    as they are under every corruption, ``rotation`` included: the damaged
    face is not aligned anew, so that rotation measures what a residual
    misalignment costs, and the others never what they cost the detector.

    Beside the damage, three things set a damaged face apart from the clean one,
    all small: prepared crops were cut from the detector's exact numbers, which
    the manifest has to 0.01 px; a face of more than 512 px is reduced to that;
    and what a model sees further than half a face beyond the box is the chip's
    repeated edge.
    """
    from tqdm import tqdm

    models = list(models)
    names = list(CORRUPTIONS if names is None else dict.fromkeys(names))
    severities = sorted(set(severities))
    _check(models, names, severities, limit)
    cases = [(CLEAN, 0), *((name, severity) for name in names for severity in severities)]
    labelled = np.flatnonzero(~np.isnan(manifest.ages()))
    unlabelled = len(manifest) - len(labelled)
    if limit is not None and limit < len(labelled):
        # Not the first: manifests are often sorted by age.
        drawn = np.random.default_rng(seed).choice(len(labelled), limit, replace=False)
        labelled = labelled[np.sort(drawn)]
    manifest = Manifest(manifest.frame.iloc[labelled], manifest.root)
    ages, paths = manifest.ages(), list(manifest.frame["path"])
    predicted = np.full((len(models), len(cases), len(ages)), np.nan)
    unusable: list[NoChip] = []
    shown: list[int] = []  # rows with a chip
    folder = None if photos is None else Path(photos)
    stream = enumerate(iter_chips(manifest if folder is None else Manifest(manifest.frame, folder)))
    with tqdm(total=len(ages), desc="corrupt", unit="img", disable=not progress) as bar:
        while part := list(islice(stream, _CHUNK)):
            unusable += [chip for _, chip in part if isinstance(chip, NoChip)]
            chips = [(row, chip) for row, chip in part if isinstance(chip, Chip)]
            rows = [row for row, _ in chips]
            shown += rows
            for case, (name, severity) in enumerate(cases[1:] if chips else [], 1):
                damaged = [
                    _damaged(chip, name, severity, _generator(seed, paths[row], name))
                    for row, chip in chips
                ]
                for index, model in enumerate(models):
                    predicted[index, case, rows] = _predict(model, damaged)
            bar.update(len(part))
    if len(unusable) == len(ages):
        raise ManifestError(
            "no face could be shown to the models",
            got="; ".join(f"{chip.status}: {chip.reason}" for chip in unusable[:1]) or "0 rows",
            expected="photos and, in the manifest, the faces in them",
            fix="check the manifest's root folder, or run `facelage prepare`",
        )
    for index, model in enumerate(models):
        faces = Manifest(manifest.frame.iloc[shown], manifest.root)
        clean = predict(model, faces, photos=folder)
        predicted[index, 0, shown] = clean["predicted"]
    table = _table([model.name for model in models], cases, ages, predicted)
    return CorruptionResult(
        table, len(ages), unlabelled, dict(Counter(chip.status for chip in unusable))
    )


def _check(
    models: list[CropModel | FaceModel], names: list[str], severities: list[int], limit: int | None
) -> None:
    check_names(names)
    check_severities(severities)
    if limit is not None and limit < 1:
        raise ConfigError("limit is out of range", got=str(limit), expected="1 or more, or None")
    odd = [type(model).__name__ for model in models if not isinstance(model, CropModel | FaceModel)]
    if odd or not models:
        raise ConfigError(
            "corruptions need models that take a given face",
            got=", ".join(odd) or "no model",
            expected="a CropModel or a FaceModel",
        )
    twice = [name for name, count in Counter(model.name for model in models).items() if count > 1]
    if twice:
        raise ConfigError("two models have one name", got=", ".join(twice), fix="rename one")


def _generator(seed: int, path: str, name: str) -> np.random.Generator:
    # Not by position: the order of the rows, and what else is measured, change nothing.
    digest = hashlib.sha256(f"{seed}\n{name}\n{path}".encode()).digest()
    return np.random.default_rng(list(digest))


def _damaged(chip: Chip, name: str, severity: int, rng: np.random.Generator) -> Chip:
    return Chip(corrupt(name, chip.image, severity, rng), chip.detection)


def _predict(model: CropModel | FaceModel, chips: list[Chip]) -> NDArray[np.float64]:
    if isinstance(model, CropModel):
        crops = [align(chip.image, chip.detection, model.crop) for chip in chips]
        return model.predict_crops(np.stack(crops))
    images: list[UInt8Image] = [chip.image for chip in chips]
    return model.predict_faces(images, [chip.detection for chip in chips])


def _table(
    models: list[str],
    cases: list[tuple[str, int]],
    ages: NDArray[np.float64],
    predicted: NDArray[np.float64],
) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for model, by_case in zip(models, predicted, strict=True):
        for (name, severity), said in zip(cases, by_case, strict=True):
            done = np.isfinite(said)
            pair = ages[done], said[done]
            n = int(done.sum())
            rows.append(
                {
                    "model": model,
                    "corruption": name,
                    "severity": severity,
                    "n": n,
                    "mae": mae(*pair) if n else np.nan,
                    "bias": bias(*pair) if n else np.nan,
                    "cs5": cs(*pair, 5) if n else np.nan,
                    "failures": len(ages) - n,
                }
            )
    return pd.DataFrame(rows)
