from __future__ import annotations

import numpy as np
import pytest

from facelage.errors import InvalidArrayError
from facelage.evaluate import plots
from facelage.evaluate.plots.calibration import wilson
from plots import made
from plots.made import title


def test_coverage_is_that_of_the_intervals() -> None:
    frame = made.faces(40, failures=0).assign(age=[25.0] * 20 + [35.0] * 20)
    frame["low"], frame["high"] = frame["age"] - 1, frame["age"] + 1
    frame.loc[:2, ["low", "high"]] = 90.0, 92.0
    frame.loc[3:4, ["low", "high"]] = 1.0, 2.0
    frame.loc[39, ["low", "high"]] = np.nan
    figure = plots.interval_coverage(made.evaluation(frame), nominal=0.8)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [float(line.get_ydata()[0]) for line in dots] == [0.75, 1.0]
    assert "80 % intervals" in title(figure)
    assert "n = 39 faces, 87.2 % inside" in title(figure)


def test_without_intervals_there_is_a_named_error() -> None:
    frame = made.faces(40).drop(columns=["low", "high"])
    with pytest.raises(InvalidArrayError, match="no intervals"):
        plots.interval_coverage(made.evaluation(frame))


@pytest.mark.parametrize(("share", "n"), [(0.0, 1), (1.0, 1), (0.5, 10), (0.9, 1000)])
def test_wilson_holds_the_share_and_narrows(share: float, n: int) -> None:
    low, high = wilson(share, n)
    assert 0 <= low <= share <= high <= 1
    assert high - low > np.subtract(*wilson(share, 4 * n)[::-1])
