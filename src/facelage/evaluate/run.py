"""Measure a model on a manifest: every figure with its n, failures counted beside it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from facelage.data.detect import DetectorLike
from facelage.data.manifest import MAX_AGE, Manifest
from facelage.errors import ConfigError, FacelageWarning, ManifestError, MissingDependencyError
from facelage.evaluate.figures import Failures, check_settings, figures_of
from facelage.evaluate.measure import name_of, predict
from facelage.evaluate.models import Model
from facelage.evaluate.predictions import PredictionsTable, shortened
from facelage.files import write_text

if TYPE_CHECKING:
    from facelage.evaluate.compare import Comparison
    from facelage.evaluate.corruptions import CorruptionResult

TableFormat = Literal["csv", "parquet"]
#: Columns that an evaluation writes; a manifest's own of these names are another model's.
PREDICTED = ("predicted", "low", "high")
_OWN = (*PREDICTED, "status", "reason", "decade", "life_stage")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's predictions on a set of faces, and the figures.

    Attributes
    ----------
    model, data:
        Names for titles.
    predictions:
        One row an image with a true age: path, age, predicted (NaN for a
        failure), status and reason, ``low`` and ``high`` (ends of an interval,
        years) if the model gives them, and the manifest's other columns.
    figures:
        Plain data, as :func:`facelage.evaluate.figures.figures_of` describes it,
        and ``unlabelled`` (images without an age, which are left out),
        ``extra_predictions`` (a table's rows for other images) and ``rejected``
        (images in no figure, by status).
    root:
        Folder that the columns ``path`` and ``crop`` start from, for the report's
        pictures of faces; None leaves them out.
    """

    model: str
    data: str
    predictions: pd.DataFrame
    figures: dict[str, Any] = field(default_factory=dict)
    root: Path | None = None

    @property
    def rejected(self) -> dict[str, int]:
        """Images that `prepare` rejected and that are in no figure, by status."""
        return dict(self.figures.get("rejected", {}))

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        table: TableFormat = "csv",
        html: bool = True,
        faces: bool = True,
        corruptions: CorruptionResult | None = None,
    ) -> None:
        """Write ``metrics.json``, the predictions, ``report.txt`` and ``report.html``.

        Parameters
        ----------
        table:
            ``"csv"`` or ``"parquet"`` (extra ``parquet``) for the predictions.
        html:
            Write ``report.html`` and its plots too, for which matplotlib and jinja2
            are needed (extra ``report``); without them there is one warning.
        faces:
            Let the report hold pictures of the faces with the largest errors.
        corruptions:
            What :func:`facelage.evaluate.corruptions.corrupt_and_evaluate` has found.

        Raises
        ------
        ConfigError
            If `table` is another format, or `folder` or one above it is a file.
        MissingDependencyError
            If `table` is ``"parquet"`` and pyarrow is not installed.
        """
        from facelage.evaluate.report import text_report

        folder = check_destination(folder, table)
        write_text(folder / "metrics.json", json.dumps(self.figures, indent=2) + "\n")
        write_text(folder / "report.txt", text_report(self))
        Manifest(self.predictions, folder).save(folder / f"predictions.{table}")
        if html:
            write_html([self], folder, corruptions=corruptions, faces=faces)


def evaluate(
    model: Model,
    manifest: Manifest,
    *,
    data: str = "",
    groups: Sequence[str] = (),
    rounds: int = 1000,
    failures: Failures = "left_out",
    training_mean: float | None = None,
    legal_age: int = 18,
    nominal: float = 0.9,
    rejected: Mapping[str, int] | None = None,
    detector: DetectorLike = "auto",
    photos: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
    progress: bool = False,
) -> Evaluation:
    """Measure `model` on the rows of `manifest`.

    Parameters
    ----------
    model:
        A :class:`~facelage.evaluate.models.CropModel` or an
        :class:`~facelage.infer.session.AgeSession` is given the manifest's prepared
        crops; where there are none, or they were cut for another model, the
        faces are cut from the photos. A
        :class:`~facelage.evaluate.models.FaceModel` is given the photos and the
        manifest's faces. An :class:`~facelage.evaluate.models.ImageModel` or an
        :class:`~facelage.infer.AgePredictor` is given the photos and finds the
        faces itself (the largest counts). A
        :class:`~facelage.evaluate.predictions.PredictionsTable` is matched by path.
    manifest:
        For the first two kinds rows with a status other than ok count as
        failures (take ``manifest.usable()`` to leave them out); the others try
        every row and give it a status of their own. Rows without an age are left
        out and counted.
    data:
        Name of the data for titles.
    groups:
        Columns to break the figures down by.
    rounds:
        Bootstrap rounds. They draw the groups of the manifest's column ``group``
        where it is filled, and faces where it is not.
    failures:
        ``"left_out"``: figures are over the faces that got an age.
        ``"training_mean"``: they are over all, and those without an age count as
        if the model had said `training_mean`, years. Either way failures are
        counted by reason, and the predictions keep them as NaN.
    legal_age:
        Years from which people pass the age check of ``figures["thresholds"]``.
    nominal:
        Share of faces (0..1) whose true age the model's intervals claim to hold.
    rejected:
        Images that are not in `manifest`, by status, to be named beside the
        figures: see :func:`facelage.evaluate.faces.choose_rows`.
    detector:
        Finds the faces of photos whose row has none (see
        :func:`facelage.evaluate.faces.find_faces`).
    photos:
        Folder that the column ``path`` starts from, if it is neither the
        manifest's nor the one that ``prepare.json`` names.
    batch_size:
        Crops a run of the network.

    Raises
    ------
    ConfigError
        If a setting is out of range, `model` is none of these, or the faces were
        prepared with another crop and can't be cut again.
    ManifestError
        If no image has an age, a group column is missing or one of an
        evaluation's own, a path occurs twice, an age is impossible, a table's
        predictions are for other images or are the true ages, or nothing could
        be predicted.

    Warns
    -----
    FacelageWarning
        If intervals do not hold their own prediction.
    """
    check_settings(failures, training_mean, nominal)  # before hours of predictions, not after
    manifest, unlabelled = labelled_rows(manifest, groups)
    frame = predict(
        model,
        manifest,
        nominal=nominal,
        detector=detector,
        photos=Path(photos) if photos is not None else None,
        batch_size=batch_size,
        progress=progress,
    )
    figures = figures_of(
        frame,
        groups=groups,
        rounds=rounds,
        failures=failures,
        training_mean=training_mean,
        legal_age=legal_age,
        nominal=nominal,
    )
    figures["unlabelled"] = len(unlabelled)
    extra = (
        model.unused([*frame["path"], *unlabelled]) if isinstance(model, PredictionsTable) else []
    )
    figures["extra_predictions"] = len(extra)
    figures["rejected"] = dict(rejected or {})
    if figures["coverage"] is not None and (beside := figures["coverage"]["beside"]):
        warnings.warn(
            f"{name_of(model)}: {beside} of {figures['coverage']['n']:.0f} intervals do not "
            "hold their own prediction",
            FacelageWarning,
            stacklevel=2,
        )
    return Evaluation(name_of(model), data, frame, figures, manifest.root)


def labelled_rows(manifest: Manifest, groups: Sequence[str] = ()) -> tuple[Manifest, list[str]]:
    """The rows with an age, and the paths of the others.

    Raises
    ------
    ManifestError
        If no image has an age, a group column is missing or one of an
        evaluation's own, a path occurs twice or an age is impossible.
    """
    if own := [name for name in groups if name in _OWN]:
        raise ManifestError(
            "columns that an evaluation writes itself can't be grouped by",
            got=", ".join(own),
            expected="columns of the data, such as gender",
        )
    missing = [name for name in groups if name not in manifest.frame]
    if missing:
        raise ManifestError(
            "the manifest lacks columns to group by",
            got=", ".join(missing),
            expected="some of " + ", ".join(manifest.frame.columns),
        )
    paths = manifest.frame["path"]
    repeated = list(dict.fromkeys(paths[paths.duplicated()]))
    if repeated:
        # Counting a photo twice, perhaps with two ages, would make every figure wrong.
        raise ManifestError(
            "paths occur more than once in the data",
            got=shortened(repeated),
            expected="one row an image",
            fix="drop the repeated rows",
        )
    ages = manifest.ages()
    if len(impossible := np.flatnonzero((ages < 0) | (ages > MAX_AGE))):
        raise ManifestError(
            "an age is impossible",
            got=f"{ages[impossible[0]]:g} for {paths.iloc[impossible[0]]}",
            expected=f"0 to {MAX_AGE:g} years, or an empty cell where the age is unknown",
        )
    labelled = ~np.isnan(ages)
    if not labelled.any():
        raise ManifestError(
            f"{len(ages)} images, none with an age"
            if len(ages)
            else "there is no image to measure",
            expected="images with a true age",
            fix="check the data, or name its column of ages" if len(ages) else "",
        )
    frame = manifest.frame.drop(columns=list(PREDICTED), errors="ignore")
    return Manifest(frame[labelled], manifest.root), list(paths[~labelled])


def check_destination(folder: str | os.PathLike[str], table: TableFormat) -> Path:
    """The folder, if results can be written to it: asked before hours of predictions.

    Raises
    ------
    ConfigError
        If `table` is another format, or the folder or one above it is a file.
    MissingDependencyError
        If `table` is ``"parquet"`` and pyarrow is not installed.
    """
    if table not in ("csv", "parquet"):
        raise ConfigError("unknown table format", got=repr(table), expected="csv or parquet")
    if table == "parquet" and find_spec("pyarrow") is None:
        raise MissingDependencyError(
            "Parquet files can't be written",
            got="no package 'pyarrow'",
            fix="pip install 'facelage[parquet]', or choose csv",
        )
    folder = Path(folder)
    # The nearest that exists: above it there are folders only.
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError(
            "the results can't be written there",
            got=f"{nearest} is a file",
            expected="a folder, or a path where one can be made",
            fix="choose another folder (--out)",
        )
    return folder


def spare_inputs(
    models: Sequence[Model],
    data: Path,
    folder: Path,
    table: TableFormat,
    *,
    each_in_its_folder: bool = False,
) -> None:
    """Refuse a folder in which the results would replace a table they come from, or prepare's.

    Raises
    ------
    ConfigError
        If a model's own table, or `data`, lies where predictions are to be written (with
        `each_in_its_folder`, in a folder below), or the report where prepare's is.
    """
    prepared = (folder / "prepare.json").exists() and not each_in_its_folder
    replaced = [folder / "report.txt"] if prepared else []
    tables = [model.path for model in models if isinstance(model, PredictionsTable) and model.path]
    for path in (*tables, data):
        place = path.resolve()
        into = place.parent.parent if each_in_its_folder else place.parent
        if place.name == f"predictions.{table}" and into == folder.resolve():
            replaced.append(path)
    if replaced:
        raise ConfigError(
            "the results would replace what they come from",
            got=str(replaced[0]),
            fix="choose another folder (--out)",
        )


def write_html(
    evaluations: Sequence[Evaluation],
    folder: Path,
    *,
    comparison: Comparison | None = None,
    corruptions: CorruptionResult | None = None,
    faces: bool = True,
) -> bool:
    """Write ``report.html`` with its plots; False, with a warning, if a package is missing."""
    missing = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        warnings.warn(
            f"report.html and its plots need {' and '.join(missing)}: "
            "pip install 'facelage[report]'",
            FacelageWarning,
            stacklevel=3,
        )
        return False
    from facelage.evaluate.html import write_report

    write_report(evaluations, folder, comparison=comparison, corruptions=corruptions, faces=faces)
    return True
