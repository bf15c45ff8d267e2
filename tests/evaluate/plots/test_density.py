from __future__ import annotations

import numpy as np

from facelage.evaluate import plots
from facelage.evaluate.plots.density import running_median
from plots import made
from plots.made import title


def test_the_median_runs_where_there_are_ten_faces() -> None:
    true = np.array([20.0] * 10 + [40.0] * 9)
    ages, medians = running_median(true, true + 3, reach=2)
    assert list(ages[np.isfinite(medians)]) == [20, 21, 22]
    assert set(medians[np.isfinite(medians)]) == {23.0}


def test_hexagons_count_every_face() -> None:
    evaluation = made.evaluation(made.faces(400))
    (cells,) = (
        each
        for each in plots.predicted_against_true(evaluation).axes[0].collections
        if each.get_array() is not None
    )
    assert cells.get_array().sum() == 397


def test_a_wild_prediction_takes_no_room_from_the_others() -> None:
    frame = made.faces(50, failures=0)
    tame = plots.predicted_against_true(made.evaluation(frame)).axes[0]
    frame.loc[[3, 4], "predicted"] = [1e9, -20_000.0]
    figure = plots.predicted_against_true(made.evaluation(frame))
    assert figure.axes[0].get_xlim()[1] <= 200
    assert figure.axes[0].get_xlim()[0] >= -50
    assert tame.get_xlim()[1] < 130
    assert "2 predicted below -50 or above 200 years" in title(figure)
