"""The error of each group of faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from facelage.errors import ManifestError
from facelage.evaluate.figures import bootstrap_groups
from facelage.evaluate.plots.style import (
    INK,
    MUTED,
    PALETTE,
    counted_table,
    new_figure,
    on_data,
    one_line,
    predicted_faces,
    short,
    styled,
)
from facelage.metrics.bootstrap import unit_numbers
from facelage.metrics.groups import FEW

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facelage.evaluate.run import Evaluation

_MOST = 40  # groups on one page


def standard_error(values: NDArray[np.floating[Any]], units: NDArray[np.int64]) -> float:
    """Of the mean of values (N,), of which those of one unit (N,) are not independent."""
    sums = np.bincount(np.unique(units, return_inverse=True)[1], values - values.mean())
    if (count := len(sums)) < 2:
        return 0.0
    return float(np.sqrt(count / (count - 1) * (sums**2).sum()) / len(values))


@styled
def mae_by_group(evaluation: Evaluation, column: str) -> Figure:
    """MAE of each group with its 95 % interval (normal approximation), best first.

    Where the column ``group`` is filled, photos of one person count together in the interval
    (Liang and Zeger's cluster-robust variance, 1986). Failures are treated as the figures do.
    Groups under 30 faces are hollow. Of more than 40 groups the largest are
    drawn, and the title says so. Faces without a group are left out.

    Raises
    ------
    ManifestError
        If there is no such column, or nothing in it.
    """
    predicted_faces(evaluation, counted=True)  # there is something to draw
    frame = counted_table(evaluation)
    frame = frame[np.isfinite(frame["age"].astype(float) + frame["predicted"].astype(float))]
    if column not in frame or not (names := frame[column].dropna().astype(str)).ne("").any():
        raise ManifestError(
            "there are no groups to draw",
            got=f"{column!r}, missing or empty",
            expected="a column with names",
        )
    names = names[names != ""]
    error = (frame["predicted"] - frame["age"]).abs().astype(float)
    units = pd.Series(unit_numbers(bootstrap_groups(frame), len(frame)), frame.index)
    groups = [
        (str(name), error[rows].to_numpy(np.float64), units[rows].to_numpy())
        for name, rows in names.groupby(names).groups.items()
    ]
    total = len(groups)
    groups = sorted(groups, key=lambda group: -len(group[1]))[:_MOST]
    groups.sort(key=lambda group: -float(group[1].mean()))
    which = f"; the {_MOST} largest of {total} groups" if total > _MOST else ""
    figure = new_figure(
        0.75 + 0.2 * len(groups),
        f"MAE by {short(column, 40)}",
        on_data([evaluation], named=True, counted=True) + which,
    )
    axes = figure.subplots()
    axes.axvline(float(error.mean()), color=INK, lw=1, ls=(0, (4, 2)), zorder=1)
    for place, (_, some, whose) in enumerate(groups):
        mean, n = float(some.mean()), len(some)
        half = 1.96 * standard_error(some, whose)
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
    axes.set_yticks(range(len(groups)), [short(one_line(name), 24) for name, *_ in groups])
    axes.set_ylim(-0.7, len(groups) - 0.3)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"MAE (years); dashed: all faces; hollow: fewer than {FEW} faces")
    return figure
