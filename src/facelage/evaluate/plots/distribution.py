"""How old the faces are, before and after balancing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from facelage.errors import InvalidArrayError
from facelage.evaluate.plots.style import MUTED, PALETTE, new_figure, one_line, styled, whole_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def age_histogram(ages: ArrayLike, weights: ArrayLike | None = None, *, data: str = "") -> Figure:
    """Faces by year of age, and how much each year counts after balancing.

    Parameters
    ----------
    ages:
        N ages in years; NaN (no label) is left out and counted in the title.
    weights:
        N sampling or loss weights, one a face, such as
        :func:`facelage.data.balance.balance_weights` gives; None draws the
        data alone. They are scaled to N faces in all.
    data:
        Name of the data for the title.

    Raises
    ------
    InvalidArrayError
        If no age is a number, or the weights don't fit the ages.
    """
    years = np.asarray(ages, np.float64)
    known = np.isfinite(years)
    if years.ndim != 1 or not known.any():
        raise InvalidArrayError(
            "ages to count must be a row of years", got=f"shape {years.shape}", expected="(N,)"
        )
    title = f"{one_line(data) or 'the given faces'}, n = {known.sum():,} faces"
    if not known.all():
        title += f", {(~known).sum():,} more without an age"
    whole = np.floor(years[known] + 0.5)
    edges = np.arange(min(0.0, whole.min()), whole.max() + 2) - 0.5
    before = np.histogram(whole, edges)[0].astype(np.float64)
    what = "Ages of the faces" if weights is None else "Ages before and after balancing"
    figure = new_figure(2.5, what, title)
    axes = figure.subplots()
    axes.stairs(before, edges, fill=True, color="#9aa5b1" if weights is not None else PALETTE[0])
    if weights is not None:
        weight = np.asarray(weights, np.float64)
        if weight.shape != years.shape or not (np.isfinite(weight) & (weight >= 0)).all():
            raise InvalidArrayError(
                "weights must be one number of 0 or more a face",
                got=f"shape {weight.shape} for {len(years)} faces",
            )
        after = np.histogram(whole, edges, weights=weight[known])[0]
        after = after * before.sum() / max(float(after.sum()), 1e-12)
        axes.stairs(after, edges, color=PALETTE[0], lw=1.6, baseline=None)
        for place, text, color in (
            (0.97, "the data", MUTED),
            (0.88, "as training counts it", PALETTE[0]),
        ):
            axes.text(
                0.99, place, text, transform=axes.transAxes, ha="right", va="top", color=color
            )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    whole_ticks(axes.yaxis)
    axes.set_xlabel("age (years)")
    axes.set_ylabel("faces in a year of age")
    return figure
