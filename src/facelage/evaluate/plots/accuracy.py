"""How often and by how much: CS@k by age, CS curves, errors by age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facelage.errors import ConfigError
from facelage.evaluate.plots.style import (
    FEW,
    INK,
    MUTED,
    PALETTE,
    label_ends,
    line_style,
    new_figure,
    on_data,
    pale,
    percent_axis,
    predicted_faces,
    short,
    styled,
)
from facelage.metrics.regression import cs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facelage.evaluate.run import Evaluation

_ROW = 60  # most years in one row of bars: more would be too thin for print


@styled
def cs_by_age(evaluations: Sequence[Evaluation], k: float = 5) -> Figure:
    """CS@k of each year of true age as bars: one model, or two side by side.

    Years with fewer than ten faces are paler. Ages are rounded to whole years,
    halves up. Failures are treated as the figures do.

    Raises
    ------
    ConfigError
        If there are no evaluations, or more than two.
    InvalidArrayError
        If a model predicted nothing.
    """
    if not 1 <= len(evaluations) <= 2:
        raise ConfigError(
            "bars stand side by side for one or two models", got=str(len(evaluations))
        )
    faces = [predicted_faces(each, counted=True) for each in evaluations]
    years = [np.floor(true + 0.5).astype(int) for true, _ in faces]
    first = min(int(each.min()) for each in years) // 10 * 10
    last = max(int(each.max()) for each in years)
    rows = -(-(last + 1 - first) // _ROW)
    length = -(-(last + 1 - first) // rows // 10) * 10
    figure = new_figure(
        0.5 + 1.55 * rows,
        f"Within {k:g} years, by age (CS@{k:g})",
        on_data(evaluations, counted=True),
    )
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    width = 0.86 / len(evaluations)
    for number, (year, (true, predicted)) in enumerate(zip(years, faces, strict=True)):
        hit = np.abs(predicted - true) <= k
        ages, counts = np.unique(year, return_counts=True)
        share = np.array([hit[year == age].mean() for age in ages])
        offset = (number - (len(evaluations) - 1) / 2) * width
        name = f"{short(evaluations[number].model)}: {cs(true, predicted, k):.1%} of all"
        for row, panel in enumerate(axes):
            inside = (ages >= first + row * length) & (ages < first + (row + 1) * length)
            for sure in (True, False):
                some = inside & ((counts >= FEW) == sure)
                panel.bar(
                    ages[some] + offset,
                    share[some],
                    width,
                    color=PALETTE[number] if sure else pale(PALETTE[number]),
                    linewidth=0,
                    label=name.replace("%", " %") if row == 0 and sure else None,
                )
            # An empty bar and a year without faces look the same; a tick tells them apart.
            none = ages[inside & (share == 0)] + offset
            panel.vlines(none, 0, 0.025, color=PALETTE[number], lw=1)
    for row, panel in enumerate(axes):
        start = first + row * length
        panel.set_xlim(start - 0.8, start + length - 0.2)
        panel.set_ylim(0, 1)
        panel.set_yticks([0, 0.25, 0.5, 0.75, 1])
        panel.set_xticks(range(start, start + length, 5))
        panel.grid(visible=False, axis="x")
        percent_axis(panel.yaxis)
    axes[0].legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=1,
        borderpad=0,
        handlelength=1,
        labelspacing=0.2,
    )
    axes[-1].set_xlabel(f"true age (years); pale bars: fewer than {FEW} faces")
    figure.supylabel(f"faces within {k:g} years", size=9)
    return figure


@styled
def cs_curves(evaluations: Sequence[Evaluation]) -> Figure:
    """CS@k against k, one line a model: higher is better.

    Takes ``figures["cs_curve"]``, and so treats failures as the figures do.
    """
    if not evaluations:
        raise ConfigError("there is no model to draw", got="0 evaluations", expected="1 or more")
    height = max(2.9, 0.17 * len(evaluations) + 0.8)
    figure = new_figure(height, "Faces within k years (CS@k)", on_data(evaluations, counted=True))
    axes = figure.subplots()
    ends = []
    for number, each in enumerate(evaluations):
        curve = sorted((float(k), float(share)) for k, share in each.figures["cs_curve"].items())
        ks, shares = zip(*curve, strict=True)
        axes.plot(ks, shares, marker="o", ms=3, clip_on=False, zorder=3, **line_style(number))
        ends.append(shares[-1])
    last = max(float(k) for each in evaluations for k in each.figures["cs_curve"])
    axes.set_xlim(0, last)
    axes.set_ylim(0, 1)
    axes.set_xlabel("allowed error k (years)")
    axes.set_ylabel("faces within k years")
    percent_axis(axes.yaxis)
    label_ends(axes, ends, [each.model for each in evaluations], height - 0.6)
    return figure


@styled
def error_by_age(evaluation: Evaluation, step: int = 5) -> Figure:
    """Predicted minus true age by true age: the median, half and 90 % of the faces.

    Parameters
    ----------
    step:
        Width of the bins in years. Bins with fewer than ten faces show each face.
    """
    true, predicted = predicted_faces(evaluation)
    error = predicted - true
    figure = new_figure(3.2, "Error by age", on_data([evaluation], named=True))
    axes = figure.subplots()
    axes.axhline(0, color=INK, lw=1, zorder=3.5)
    bins = np.floor(true / step).astype(int)
    blue = PALETTE[0]
    for number in np.unique(bins):
        some = error[bins == number]
        middle = (number + 0.5) * step
        if len(some) < FEW:
            axes.plot(np.full(len(some), middle), some, "o", ms=3, mfc="none", color=blue)
        else:
            low, q1, median, q3, high = np.percentile(some, [5, 25, 50, 75, 95])
            axes.bar(middle, high - low, step * 0.72, bottom=low, color=pale(blue), zorder=3)
            axes.bar(middle, q3 - q1, step * 0.72, bottom=q1, color=blue, zorder=3)
            axes.plot(
                [middle - step * 0.36, middle + step * 0.36],
                [median, median],
                color="white",
                lw=2,
                solid_capstyle="butt",
                zorder=4,
            )
        axes.annotate(
            f"{len(some):,}",
            (middle, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            size=8,
            color=MUTED,
        )
    axes.set_xlim(bins.min() * step - 0.5, (bins.max() + 1) * step + 0.5)
    reach = max(10.0, float(np.abs(axes.dataLim.intervaly).max())) * 1.05
    axes.set_ylim(-reach, reach)
    axes.set_xlabel(
        "true age (years); above: number of faces\n"
        "white line: median; dark: middle half; pale: middle 90 %"
    )
    axes.set_ylabel("predicted minus true (years)")
    axes.grid(visible=False, axis="x")
    corner: dict[str, Any] = {"transform": axes.transAxes, "color": MUTED, "size": 8}
    axes.text(0.99, 0.98, "called too old", ha="right", va="top", **corner)
    axes.text(0.01, 0.02, "called too young", ha="left", va="bottom", **corner)
    return figure
