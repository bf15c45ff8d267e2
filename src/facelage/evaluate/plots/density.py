"""Where the predictions lie: predicted against true age as density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facelage.evaluate.plots.style import (
    FEW,
    INK,
    PALETTE,
    new_figure,
    on_data,
    predicted_faces,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facelage.evaluate.run import Evaluation
    from facelage.metrics.regression import Years
#: Years between which predictions are drawn: a single wild one would leave the others no room.
_DRAWN = (-50, 200)


@styled
def predicted_against_true(evaluation: Evaluation, reach: float = 2.0) -> Figure:
    """Predicted against true age: hexagons by number of faces (logarithmic), and the median.

    Predictions below -50 and above 200 years are not drawn; the title says how many.

    Parameters
    ----------
    reach:
        The median at an age is that of the faces up to this many years younger
        or older; it is left out where they are fewer than ten.
    """
    from matplotlib.colors import LinearSegmentedColormap, LogNorm
    from matplotlib.patheffects import Stroke, withStroke
    from matplotlib.ticker import FuncFormatter, NullLocator

    true, predicted = predicted_faces(evaluation)
    shown = (predicted >= _DRAWN[0]) & (predicted <= _DRAWN[1])
    detail = on_data([evaluation], named=True)
    if beyond := int((~shown).sum()):
        detail += f"; {beyond:,} predicted below {_DRAWN[0]} or above {_DRAWN[1]} years"
    inside = [true, np.clip(predicted, *_DRAWN)]
    top = max(10.0, *(float(np.ceil(ages.max() / 10) * 10) for ages in inside))
    bottom = min(0.0, *(float(np.floor(ages.min() / 10) * 10) for ages in inside))
    figure = new_figure(4.3, "Predicted against true age", detail)
    axes = figure.subplots()
    # From a tint that shows on white to nearly black: it prints, and keeps its order in grey.
    colors = LinearSegmentedColormap.from_list("ink", ["#cfe3f2", "#5aa2d0", PALETTE[0], "#04223c"])
    cells = axes.hexbin(
        true[shown],
        predicted[shown],
        gridsize=max(5, int((top - bottom) / 2)),
        extent=(bottom, top, bottom, top),
        mincnt=1,
        cmap=colors,
        linewidths=0.1,
    )
    most = int(np.max(np.asarray(cells.get_array()), initial=10))
    cells.set_norm(LogNorm(1, most))
    axes.plot([bottom, top], [bottom, top], color=INK, lw=1, ls=(0, (4, 2)))
    ages, medians = running_median(true, predicted, reach)
    axes.plot(
        ages,
        medians,
        color=PALETTE[2],
        lw=1.8,
        path_effects=[Stroke(linewidth=3.4, foreground="white"), withStroke(linewidth=0)],
    )
    axes.set_xlim(bottom, top)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_xlabel("true age (years)")
    axes.set_ylabel("predicted age (years)")
    halo = [withStroke(linewidth=2.5, foreground="white")]
    at = bottom + 0.86 * (top - bottom)
    axes.text(
        at,
        at + 0.015 * (top - bottom),
        "predicted = true",
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
        ha="center",
        va="bottom",
        size=8.5,
        path_effects=halo,
    )
    if np.isfinite(medians).any():
        axes.text(
            0.03,
            0.96,
            f"median within ± {reach:g} years",
            transform=axes.transAxes,
            color=PALETTE[2],
            va="top",
            size=8.5,
            path_effects=halo,
        )
    bar = figure.colorbar(cells, ax=axes, shrink=0.75, pad=0.02)
    bar.set_label("faces in a hexagon (logarithmic)")
    ticks = [each for decade in range(7) for each in (10**decade, 3 * 10**decade) if each <= most]
    bar.set_ticks(ticks)
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def running_median(
    true: Years, predicted: Years, reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole ages, and the median prediction of the faces within `reach` years of each.

    NaN where fewer than ten faces are.
    """
    order = np.argsort(true, kind="stable")
    sorted_true, sorted_predicted = true[order], predicted[order]
    ages = np.arange(np.floor(true.min()), np.ceil(true.max()) + 1)
    starts = np.searchsorted(sorted_true, ages - reach, "left")
    ends = np.searchsorted(sorted_true, ages + reach, "right")
    medians = [
        float(np.median(sorted_predicted[start:end])) if end - start >= FEW else np.nan
        for start, end in zip(starts, ends, strict=True)
    ]
    return ages, np.asarray(medians)
