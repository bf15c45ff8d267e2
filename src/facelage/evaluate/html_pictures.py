"""The plots of an HTML report."""

from __future__ import annotations

import base64
import os
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facelage.errors import InvalidArrayError
from facelage.files import write_bytes
from facelage.metrics import cs_curve, summary, threshold_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facelage.evaluate.corruptions import CorruptionResult
    from facelage.evaluate.run import Evaluation


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot in the report: where it lies, how large it is, what it shows."""

    file: str
    uri: str
    width: int
    height: int
    alt: str
    caption: str


class Pictures:
    """Draws plots, writes them as files and keeps them as data URIs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, pictures: list[Picture], name: str, caption: str, draw: Callable[[], Figure]
    ) -> None:
        """Draw one more, unless there is nothing to draw."""
        from facelage.evaluate.plots import png

        try:
            figure = draw()
        except InvalidArrayError:  # no face with a prediction, or none with an interval
            return
        data = png(figure)
        write_bytes(self.folder / f"{name}.png", data)
        width, height = struct.unpack(">II", data[16:24])  # of the PNG's header
        uri = "data:image/png;base64," + base64.b64encode(data).decode("ascii")
        # The title's two parts are the first texts of every figure.
        title = ". ".join(" ".join(text.get_text().split()) for text in figure.texts[:2])
        pictures.append(Picture(f"plots/{name}.png", uri, width, height, title, caption))


def shared_pictures(
    pictures: Pictures, evaluations: Sequence[Evaluation], corruptions: CorruptionResult | None
) -> list[Picture]:
    """The plots that show all models at once."""
    from facelage.evaluate import plots

    shown: list[Picture] = []
    first, *others = evaluations
    # Bars stand side by side for two: the first and the best of the others.
    rival = sorted(others, key=lambda each: float(each.figures["summary"]["mae"]))[:1]
    pictures.add(
        shown,
        "cs5_by_age",
        "The share of faces of each age whose estimate is within 5 years: taller is better. "
        "A tick without a bar means that nobody was.",
        lambda: plots.cs_by_age([first, *rival]),
    )
    pictures.add(
        shown,
        "cs_curve",
        "How many faces are within k years of their age, for each k: higher is better.",
        lambda: plots.cs_curves(evaluations),
    )
    if all("thresholds" in each.figures for each in evaluations):
        pictures.add(
            shown,
            "thresholds",
            "Whoever is estimated younger than the challenge age is challenged. Upper: minors who "
            "are not. Lower: adults who are. A higher challenge age trades one for the other.",
            lambda: plots.threshold_errors(evaluations),
        )
    if corruptions is not None:
        data, table = first.data, corruptions.table
        pictures.add(
            shown,
            "corruptions",
            "MAE on the same faces, the pictures damaged more and more: flatter is better.",
            lambda: plots.mae_by_severity(table, data=data),
        )
    if len({each.data for each in evaluations}) == 1:
        pictures.add(
            shown,
            "ages",
            "How old the faces are: figures over all faces say most about the common ages.",
            lambda: plots.age_histogram(first.predictions["age"], data=first.data),
        )
    return shown


def over_common_faces(evaluations: Sequence[Evaluation]) -> Sequence[Evaluation]:
    """The evaluations over the faces that every model gave an age for, as the verdict is.

    With failures counted as the training mean they are over all faces already.
    """
    counted = {each.figures.get("failures_as", "left_out") for each in evaluations}
    if len(evaluations) < 2 or counted != {"left_out"}:
        return evaluations
    told = [each.predictions[each.predictions["predicted"].notna()] for each in evaluations]
    common = set(told[0]["path"]).intersection(*(table["path"] for table in told[1:]))
    if not common:
        return evaluations
    shown = []
    for each, table in zip(evaluations, told, strict=True):
        rows = table[table["path"].isin(common)]
        true, predicted = (rows[name].to_numpy(np.float64) for name in ("age", "predicted"))
        figures = {
            **each.figures,
            "summary": summary(true, predicted),
            "cs_curve": {str(k): share for k, share in cs_curve(true, predicted).items()},
        }
        if "thresholds" in figures:
            legal_age = figures["thresholds"]["legal_age"]
            figures["thresholds"] = threshold_errors(true, predicted, legal_age=legal_age)
        shown.append(replace(each, predictions=rows, figures=figures))
    return shown


def own_pictures(
    pictures: Pictures,
    evaluation: Evaluation,
    end: str,
    root: str | os.PathLike[str] | None,
    faces: bool,
) -> list[Picture]:
    """The plots of one model; `end` sets its files' names apart."""
    from facelage.evaluate import plots

    figures = evaluation.figures
    shown: list[Picture] = []
    pictures.add(
        shown,
        f"predicted_against_true{end}",
        "Each hexagon holds the faces of one true and predicted age: the closer to the dashed "
        "line, the better. Where the orange median leaves it, faces are called too old (above) "
        "or too young (below).",
        lambda: plots.predicted_against_true(evaluation),
    )
    pictures.add(
        shown,
        f"error_by_age{end}",
        "The spread of the errors at each age: bars around 0 are right on average, "
        "short bars are sure. Bins with fewer than 10 faces show each face as a ring.",
        lambda: plots.error_by_age(evaluation),
    )
    if figures.get("coverage"):
        pictures.add(
            shown,
            f"interval_coverage{end}",
            "How often the true age lies in the given interval: points on the dashed line keep "
            "the promise, points below it are too sure of themselves. Lines: 95 % intervals.",
            lambda: plots.interval_coverage(evaluation),
        )
    for place, column in enumerate(figures.get("by_group", {}), 1):
        if not figures["by_group"][column]:
            continue
        pictures.add(
            shown,
            f"mae_by_group-{place}-{slug(column, 30)}{end}",
            "MAE of each group, best first, with 95 % intervals: where these overlap, "
            "the groups may not differ.",
            lambda column=column: plots.mae_by_group(evaluation, column),  # type: ignore[misc]
        )
    folder = root if root is not None else evaluation.root
    if faces and folder is not None:
        pictures.add(
            shown,
            f"worst_faces{end}",
            "The faces with the largest errors: look for wrong labels, wrong faces and bad "
            "pictures before blaming the model.",
            lambda: plots.worst_faces(evaluation, folder),
        )
    return shown


def slug(name: str, limit: int) -> str:
    """`name` as a part of a file's name; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:limit].strip("-")
