from __future__ import annotations

from typing import Any

import pytest

from facelage.errors import ConfigError
from facelage.evaluate import plots
from plots import made
from plots.made import drawn


@pytest.mark.parametrize("draw", [plots.cs_curves, plots.threshold_errors])
def test_no_models_are_a_named_error(draw: Any) -> None:
    with pytest.raises(ConfigError, match="no model"):
        draw([])


def test_thresholds_without_anybody_under_age() -> None:
    frame = made.faces(30).assign(age=40.0)
    evaluation = made.evaluation(frame)
    assert evaluation.figures["thresholds"]["challenge"]["18"]["false_positive_rate"] is None
    figure = plots.threshold_errors([evaluation])
    said = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert said == [["no such faces"], ["squares_1.0"]]
    drawn(figure)
