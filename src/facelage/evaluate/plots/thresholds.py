"""What an age limit costs: errors over challenge ages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facelage.errors import ConfigError
from facelage.evaluate.plots.style import (
    label_ends,
    line_style,
    new_figure,
    on_data,
    percent_axis,
    styled,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facelage.evaluate.run import Evaluation


@styled
def threshold_errors(evaluations: Sequence[Evaluation]) -> Figure:
    """False positive and false negative rate over challenge ages, one line a model.

    Takes ``figures["thresholds"]``, which
    :func:`facelage.metrics.thresholds.threshold_errors` explains.
    """
    if not evaluations:
        raise ConfigError("there is no model to draw", got="0 evaluations", expected="1 or more")
    tables = [each.figures["thresholds"] for each in evaluations]
    legal = tables[0]["legal_age"]
    height = max(3.9, 2 * (0.17 * len(evaluations) + 0.7))
    figure = new_figure(height, f"Who passes an age check for {legal:g}?", on_data(evaluations))
    panels = figure.subplots(2, 1, sharex=True)
    people = f"{tables[0]['n_under']:,.0f}", f"{tables[0]['n_over']:,.0f}"
    for axes, rate, title in (
        (
            panels[0],
            "false_positive_rate",
            f"Under {legal:g} and not challenged (false positives, of {people[0]})",
        ),
        (
            panels[1],
            "false_negative_rate",
            f"{legal:g} or older and challenged (false negatives, of {people[1]})",
        ),
    ):
        ends, top = [], 0.0
        for number, table in enumerate(tables):
            ages = sorted(map(int, table["challenge"]))
            values = [table["challenge"][str(age)][rate] for age in ages]
            shares = np.array([np.nan if v is None else float(v) for v in values])
            axes.plot(ages, shares, clip_on=False, zorder=3, **line_style(number))
            ends.append(float(shares[-1]))
            top = max(top, float(np.nanmax(shares, initial=0.0)))
        axes.set_ylim(0, min(1.0, top * 1.1 + 0.01))
        axes.set_xlim(min(ages), max(max(ages), min(ages) + 1))
        if not np.isfinite(ends).any():
            axes.text(0.5, 0.5, "no such faces", transform=axes.transAxes, ha="center")
        axes.set_title(title)
        whole_ticks(axes.xaxis)
        axes.set_ylabel("share of them")
        percent_axis(axes.yaxis)
        label_ends(axes, ends, [each.model for each in evaluations], height / 2 - 0.6)
    panels[1].set_xlabel("challenge age (years)")
    return figure
