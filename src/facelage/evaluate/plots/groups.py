"""The error of each group of faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facelage.errors import ManifestError
from facelage.evaluate.plots.style import (
    INK,
    MUTED,
    PALETTE,
    new_figure,
    on_data,
    one_line,
    predicted_faces,
    short,
    styled,
)
from facelage.metrics.groups import FEW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facelage.evaluate.run import Evaluation

_MOST = 40  # groups on one page


@styled
def mae_by_group(evaluation: Evaluation, column: str) -> Figure:
    """MAE of each group with its 95 % interval (normal approximation), best first.

    Groups under 30 faces are hollow. Of more than 40 groups the largest are
    drawn, and the title says so. Faces without a group are left out.

    Raises
    ------
    ManifestError
        If there is no such column, or nothing in it.
    """
    predicted_faces(evaluation)  # there is something to draw
    frame = evaluation.predictions
    frame = frame[np.isfinite(frame["age"].astype(float) + frame["predicted"].astype(float))]
    if column not in frame or not (names := frame[column].dropna().astype(str)).ne("").any():
        raise ManifestError(
            "there are no groups to draw",
            got=f"{column!r}, missing or empty",
            expected="a column with names",
        )
    names = names[names != ""]
    error = (frame["predicted"] - frame["age"]).abs().astype(float)
    groups = [
        (str(name), error[rows].to_numpy()) for name, rows in names.groupby(names).groups.items()
    ]
    total = len(groups)
    groups = sorted(groups, key=lambda group: -len(group[1]))[:_MOST]
    groups.sort(key=lambda group: -float(group[1].mean()))
    which = f"; the {_MOST} largest of {total} groups" if total > _MOST else ""
    figure = new_figure(
        0.75 + 0.2 * len(groups),
        f"MAE by {short(column, 40)}",
        on_data([evaluation], named=True) + which,
    )
    axes = figure.subplots()
    axes.axvline(float(error.mean()), color=INK, lw=1, ls=(0, (4, 2)), zorder=1)
    for place, (_, some) in enumerate(groups):
        mean, n = float(some.mean()), len(some)
        half = 1.96 * float(some.std(ddof=1)) / np.sqrt(n) if n > 1 else 0.0
        axes.plot([max(0.0, mean - half), mean + half], [place, place], color=PALETTE[0], lw=1.5)
        axes.plot(
            mean, place, "o", ms=5.5, mfc=PALETTE[0] if n >= FEW else "white", color=PALETTE[0]
        )
        axes.annotate(
            f"n = {n:,}",
            (1, place),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size=8,
            color=MUTED,
        )
    axes.set_yticks(range(len(groups)), [short(one_line(name), 24) for name, _ in groups])
    axes.set_ylim(-0.7, len(groups) - 0.3)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"MAE (years); dashed: all faces; hollow: fewer than {FEW} faces")
    return figure
