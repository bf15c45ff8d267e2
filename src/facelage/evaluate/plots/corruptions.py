"""How a model bears worse pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facelage.errors import ConfigError
from facelage.evaluate.plots.style import (
    line_style,
    new_figure,
    one_line,
    short,
    styled,
    whole_ticks,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@styled
def mae_by_severity(table: pd.DataFrame, *, data: str = "") -> Figure:
    """MAE against severity, one panel a corruption and one line a model.

    Parameters
    ----------
    table:
        One row a model, corruption and severity, as
        :class:`facelage.evaluate.corruptions.CorruptionResult` has it: columns
        ``model``, ``corruption``, ``severity`` (a whole number; the row of
        severity 0 is the clean picture, where every panel begins), ``n`` and
        ``mae`` (years; NaN is left out).
    data:
        Name of the data for the title.

    Raises
    ------
    ConfigError
        If the table holds no corruption.
    """
    damaged = table[table["severity"] > 0]
    clean = table[table["severity"] == 0]
    kinds, models = list(damaged["corruption"].unique()), list(damaged["model"].unique())
    if not kinds:
        raise ConfigError("there are no corruptions to draw", got="none", expected="1 or more")
    columns = min(2, len(kinds))
    rows = -(-len(kinds) // columns)
    named = len(models) > 1
    title = "" if named else f"{short(models[0], 48)} on "
    counts = sorted({int(n) for n in table["n"]})
    faces = " to ".join(f"{n:,}" for n in (counts[0], counts[-1])[: len(counts)])
    faces += " face" if counts == [1] else " faces"
    title += f"{one_line(data) or 'the given faces'}, n = {faces}"
    figure = new_figure(
        0.5 + 1.3 * rows + 0.19 * -(-len(models) // 2) * named,
        "Error of the same faces in worse pictures",
        title,
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    handles: list[Any] = []
    for panel, kind in zip(panels.flat, kinds, strict=False):
        handles = []
        for number, model in enumerate(models):
            start = clean[clean["model"] == model]
            line = damaged[(damaged["model"] == model) & (damaged["corruption"] == kind)]
            line = line.sort_values("severity")
            handles += panel.plot(
                [*start["severity"], *line["severity"]],
                [*start["mae"], *line["mae"]],
                marker="o",
                ms=3.2,
                **line_style(number),
            )
        panel.set_title(short(kind.replace("_", " "), 32))
        whole_ticks(panel.xaxis)
        panel.set_xlim(-0.25, max(damaged["severity"]) + 0.25)
    for panel in panels[-1] if len(kinds) == panels.size else [panels[-1, 0], panels[-2, -1]]:
        panel.set_xlabel("severity (0: undamaged)")
    for panel in panels.flat[len(kinds) :]:
        panel.remove()
    highest = float(table["mae"].max())
    panels[0, 0].set_ylim(0, 1.06 * highest if highest > 0 else None)  # room for the marker
    figure.supylabel("MAE (years)", size=9)
    if named:
        figure.legend(
            handles,
            [short(name) for name in models],
            loc="outside lower center",
            ncols=2,
            handlelength=2.4,
        )
    return figure
