from __future__ import annotations

import numpy as np
import pytest

from facelage.errors import ConfigError
from facelage.evaluate import plots
from plots import made
from plots.made import drawn, title


@pytest.mark.parametrize(("models", "kinds"), [(1, 1), (1, 8), (3, 3), (9, 8)])
def test_a_panel_a_corruption_and_a_line_a_model(models: int, kinds: int) -> None:
    table = made.corruptions([f"m{i}" for i in range(models)], kinds)
    figure = plots.mae_by_severity(table, data="painted")
    assert len(figure.axes) == kinds
    assert all(len(axes.lines) == models for axes in figure.axes)
    first = figure.axes[0].lines[0]
    assert list(first.get_xdata()) == [0, 1, 2, 3, 4, 5]
    assert first.get_ydata()[0] == table["mae"][0]  # every line begins with the clean picture
    assert "painted, n = 120 faces" in title(figure)
    drawn(figure)


def test_corruptions_bear_missing_figures_and_refuse_none() -> None:
    table = made.corruptions(["a", "b"], 2)
    table.loc[table["severity"] == 5, ["mae", "n"]] = np.nan, 0
    drawn(plots.mae_by_severity(table))
    with pytest.raises(ConfigError, match="no corruptions"):
        plots.mae_by_severity(table[table["severity"] == 0])
