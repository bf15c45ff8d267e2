"""Whether intervals hold what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facelage.errors import InvalidArrayError
from facelage.evaluate.plots.style import (
    DASH,
    FEW,
    INK,
    MUTED,
    PALETTE,
    new_figure,
    pale,
    percent_axis,
    short,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from facelage.evaluate.run import Evaluation

_WIDTHS = 5  # groups of intervals by width, of equal size


@styled
def interval_coverage(evaluation: Evaluation, nominal: float | None = None) -> Figure:
    """Share of true ages inside their intervals by decade and by width, and the widths.

    Takes the columns ``low`` and ``high`` of the predictions (years).

    Parameters
    ----------
    nominal:
        The share (0..1) that the intervals promise; by default
        ``figures["coverage"]["nominal"]``.

    Raises
    ------
    InvalidArrayError
        If no face has an interval.
    """
    frame = evaluation.predictions
    missing = np.full(len(frame), np.nan)
    true, low, high = (
        frame[name].to_numpy(np.float64) if name in frame else missing
        for name in ("age", "low", "high")
    )
    known = np.isfinite(true) & np.isfinite(low) & np.isfinite(high)
    if not known.any():
        raise InvalidArrayError(
            "there are no intervals to draw",
            got="no face with an age, a low and a high end",
            fix="evaluate a model that gives intervals",
        )
    true, low, high = true[known], low[known], high[known]
    inside, width = (low <= true) & (true <= high), high - low
    if nominal is None:
        nominal = float(evaluation.figures["coverage"]["nominal"])
    figure = new_figure(
        5.2,
        f"Do the {100 * nominal:.0f} % intervals hold the true age?",
        f"{short(evaluation.model, 48)} on {short(evaluation.data, 60) or 'the given faces'}, "
        f"n = {len(true):,} face{'s' if len(true) != 1 else ''}, "
        f"{100 * inside.mean():.1f} % inside",
    )
    by_age, by_width, widths = figure.subplots(3, 1, height_ratios=(1, 1, 0.9))
    decades = np.minimum(np.floor(true / 10), 9).astype(int)
    names = {d: f"{10 * d}{DASH}{10 * d + 9}" if d < 9 else "90+" for d in np.unique(decades)}
    groups = [decades == d for d in names]
    _coverage(by_age, [inside[some] for some in groups], list(names.values()), nominal)
    by_age.set_xlabel("true age (years)")
    order = np.argsort(width, kind="stable")
    parts = [part for part in np.array_split(order, _WIDTHS) if len(part)]
    _coverage(
        by_width,
        [inside[part] for part in parts],
        [f"{width[part].min():.1f}{DASH}{width[part].max():.1f}" for part in parts],
        nominal,
    )
    by_width.set_xlabel("width of the interval (years), five equal parts of the faces")
    for place, some in enumerate(groups):
        q1, median, q3 = np.percentile(width[some], [25, 50, 75])
        widths.plot([place, place], [q1, q3], color=pale(PALETTE[0]), lw=8)
        widths.plot(place, median, "_", color=PALETTE[0], ms=12, mew=2)
    widths.set_xticks(range(len(groups)), list(names.values()))
    widths.set_xlim(-0.6, len(groups) - 0.4)
    widths.set_ylim(0, float(np.percentile(width, 99)) * 1.15 + 0.1)
    widths.grid(visible=False, axis="x")
    widths.set_ylabel("width (years)")
    widths.set_xlabel("true age (years); bar: middle half of the widths, line: median")
    return figure


def _coverage(
    axes: Axes, groups: list[NDArray[np.bool_]], names: list[str], nominal: float
) -> None:
    axes.axhline(nominal, color=INK, lw=1, ls=(0, (4, 2)), zorder=1)
    lowest = nominal
    for place, inside in enumerate(groups):
        n, share = len(inside), float(inside.mean())
        low, high = wilson(share, n)
        color = pale(PALETTE[0]) if n < FEW else PALETTE[0]
        axes.plot([place, place], [low, high], color=color, lw=1.5)
        axes.plot(place, share, "o", color=color, ms=5, clip_on=False)
        axes.annotate(
            f"{n:,}",
            (place, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            size=8,
            color=MUTED,
        )
        lowest = min(lowest, low)
    axes.set_xticks(range(len(groups)), names)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(max(0.0, np.floor(lowest * 10) / 10), 1.0)
    axes.grid(visible=False, axis="x")
    percent_axis(axes.yaxis)
    axes.set_ylabel("inside")


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval (JASA 22, 1927) of a share (0..1) of `n`; 95 % by default."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
