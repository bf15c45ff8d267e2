"""Several models on the same faces: which is better, by how much, and how sure is that?"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facelage.data.detect import DetectorLike
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError, ManifestError
from facelage.evaluate.faces import find_faces
from facelage.evaluate.figures import (
    Failures,
    bootstrap_facts,
    bootstrap_groups,
    check_settings,
    counted_rows,
    drawn_order,
)
from facelage.evaluate.measure import name_of, needs_faces
from facelage.evaluate.models import Model
from facelage.evaluate.run import (
    Evaluation,
    TableFormat,
    check_destination,
    evaluate,
    labelled_rows,
    write_html,
)
from facelage.files import different_names, write_text
from facelage.metrics import macro_mae, percentiles, resampled_figures, summary

if TYPE_CHECKING:
    from facelage.evaluate.corruptions import CorruptionResult


@dataclass(frozen=True, slots=True)
class Difference:
    """Model `a` minus model `b`, on the faces that all models gave an age for.

    Attributes
    ----------
    a, b:
        Names.
    figures:
        Figure of `a` minus that of `b`, for every headline figure and
        ``macro_mae``; below 0 in ``mae`` and above 0 in ``cs5`` if `a` is better.
    intervals:
        95 % paired bootstrap intervals of them, (low, high).
    verdict:
        Which has the lower MAE, in a sentence.
    """

    a: str
    b: str
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several models on the same images.

    Attributes
    ----------
    data:
        Name of the data for titles.
    evaluations:
        One a model, over the images that this model gave an age for, with its failures.
    n:
        Faces that all models gave an age for (all labelled images, if failures
        count with the training mean).
    table:
        For each model, over those n faces: ``model``, ``summary``, ``intervals``,
        ``macro_mae`` and ``macro_mae_interval`` as in an evaluation's figures;
        and over all images ``images`` and ``failures`` (by status).
    differences:
        For each pair of models.
    bootstrap_unit, n_groups:
        What the intervals draw, as in an evaluation's figures.
    """

    data: str
    evaluations: tuple[Evaluation, ...]
    n: int
    table: tuple[dict[str, Any], ...]
    differences: tuple[Difference, ...]
    bootstrap_unit: str = "faces"
    n_groups: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the evaluations' figures by model."""
        return {
            "data": self.data,
            "n": self.n,
            "rejected": self.evaluations[0].rejected,
            "bootstrap_unit": self.bootstrap_unit,
            "n_groups": self.n_groups,
            "table": list(self.table),
            "differences": [asdict(difference) for difference in self.differences],
            "figures": {result.model: result.figures for result in self.evaluations},
        }

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        table: TableFormat = "csv",
        html: bool = True,
        faces: bool = True,
        corruptions: CorruptionResult | None = None,
    ) -> None:
        """Write ``comparison.json``, ``comparison.txt``, a folder a model, ``report.html``.

        A model's folder holds its ``metrics.json``, ``report.txt`` and predictions.
        The parameters are those of :meth:`facelage.evaluate.Evaluation.save`.
        """
        from facelage.evaluate.report import comparison_report

        folder = check_destination(folder, table)
        write_text(folder / "comparison.json", json.dumps(self.to_dict(), indent=2) + "\n")
        write_text(folder / "comparison.txt", comparison_report(self))
        plain = [re.sub(r"[^\w.-]+", "_", result.model).strip(".") for result in self.evaluations]
        names = different_names([name or "model" for name in plain])
        for name, result in zip(names, self.evaluations, strict=True):
            result.save(folder / name, table=table, html=False)
        if html:
            write_html(
                self.evaluations, folder, comparison=self, corruptions=corruptions, faces=faces
            )


def compare(
    models: Sequence[Model],
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
) -> Comparison:
    """Measure several models on the same faces.

    Faces are found once, so that all models that don't find them themselves
    get the same. Each model's own failures are counted; the table and the
    differences are over the faces that all of them gave an age for.

    Parameters
    ----------
    models:
        Two or more; what :func:`facelage.evaluate.evaluate` takes. Those of one
        name get a number behind it.
    manifest, data, groups, rounds, failures, training_mean, legal_age, nominal:
        As for :func:`facelage.evaluate.evaluate`.
    rejected, detector, photos, batch_size, progress:
        As for :func:`facelage.evaluate.evaluate`.

    Raises
    ------
    ConfigError
        If there are fewer than two models, or as for one.
    ManifestError
        As for one model, or if there is no face that all gave an age for.
    """
    check_settings(failures, training_mean, nominal)
    if len(models) < 2:
        raise ConfigError("nothing to compare", got=f"{len(models)} models", expected="2 or more")
    names = different_names([name_of(model) for model in models])
    labelled_rows(manifest, groups)  # refuse bad data before the first model runs
    folder = Path(photos) if photos is not None else None
    with_faces = manifest
    if any(needs_faces(model, manifest, folder) for model in models):
        with_faces = find_faces(manifest, detector, photos=folder, progress=progress)
    evaluations = []
    for name, model in zip(names, models, strict=True):
        result = evaluate(
            model,
            with_faces if needs_faces(model, manifest, folder) else manifest,
            data=data,
            groups=groups,
            rounds=rounds,
            failures=failures,
            training_mean=training_mean,
            legal_age=legal_age,
            nominal=nominal,
            rejected=rejected,
            detector=detector,
            photos=photos,
            batch_size=batch_size,
            progress=progress,
        )
        evaluations.append(replace(result, model=name))
    return compare_evaluations(evaluations, data=data, rounds=rounds)


def compare_evaluations(
    evaluations: Sequence[Evaluation], *, data: str = "", rounds: int = 1000
) -> Comparison:
    """Compare evaluations of the same images, in the same order.

    Raises
    ------
    ManifestError
        If they are of different images, or no face got an age from every model.
    """
    first = evaluations[0].predictions
    for other in evaluations[1:]:
        if list(other.predictions["path"]) != list(first["path"]):
            raise ManifestError(
                "the evaluations are of different images",
                got=f"{evaluations[0].model}: {len(first)}, {other.model}: "
                f"{len(other.predictions)} images",
                expected="the same rows in the same order",
            )
    filled = [
        counted_rows(e.predictions, e.figures["failures_as"], e.figures["training_mean"])
        .reindex(first.index)["predicted"]
        .to_numpy(np.float64)
        for e in evaluations
    ]
    common = np.isfinite(filled).all(0)
    if not common.any():
        raise ManifestError(
            "there is no face that every model gave an age for",
            got=", ".join(f"{e.model}: {e.figures['summary']['n']:.0f}" for e in evaluations),
            fix="leave out the model that fails",
        )
    true = first["age"].to_numpy(np.float64)[common]
    ages = [predicted[common] for predicted in filled]
    faces = first.iloc[np.flatnonzero(common)]
    order, units = drawn_order(faces), bootstrap_groups(faces)
    groups = None if units is None else units[order]
    resampled = [
        resampled_figures(true[order], predicted[order], groups=groups, rounds=rounds)
        for predicted in ages
    ]
    table = []
    for result, predicted, draws in zip(evaluations, ages, resampled, strict=True):
        intervals = {name: list(percentiles(values)) for name, values in draws.items()}
        table.append(
            {
                "model": result.model,
                "summary": summary(true, predicted),
                "macro_mae": macro_mae(true, predicted),
                "macro_mae_interval": intervals.pop("macro_mae"),
                "intervals": intervals,
                "images": result.figures["images"],
                "failures": result.figures["failures"],
            }
        )
    differences = tuple(
        _difference(table[i], table[j], resampled[i], resampled[j])
        for i, j in combinations(range(len(table)), 2)
    )
    return Comparison(
        data,
        tuple(evaluations),
        int(common.sum()),
        tuple(table),
        differences,
        **bootstrap_facts(units),
    )


def _difference(
    a: dict[str, Any],
    b: dict[str, Any],
    a_draws: dict[str, Any],
    b_draws: dict[str, Any],
) -> Difference:
    # Round by round the two were drawn the same faces, so this is the paired bootstrap.
    intervals = {name: percentiles(a_draws[name] - b_draws[name]) for name in a_draws}
    figures = {
        name: (a[name] if name == "macro_mae" else a["summary"][name])
        - (b[name] if name == "macro_mae" else b["summary"][name])
        for name in a_draws
    }
    low, high = intervals["mae"]
    by = figures["mae"]
    if low > 0 or high < 0:
        better, worse = (b, a) if low > 0 else (a, b)
        ends = sorted((abs(low), abs(high)))
        verdict = (
            f"{better['model']} is better than {worse['model']} by {abs(by):.2f} years "
            f"({ends[0]:.2f} to {ends[1]:.2f})"
        )
    else:
        verdict = (
            f"no clear difference between {a['model']} and {b['model']}: "
            f"{by:+.2f} years ({low:+.2f} to {high:+.2f})"
        )
    return Difference(a["model"], b["model"], figures, intervals, verdict)
