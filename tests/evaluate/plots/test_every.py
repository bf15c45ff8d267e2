"""What every plot has to say and to bear."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from facelage.evaluate import plots
from plots import made
from plots.made import drawn, title

DATA = "painted, test split"
DRAWN = {
    "cs_by_age": lambda e: plots.cs_by_age([e]),
    "cs_by_age_2": lambda e: plots.cs_by_age([e, e]),
    "cs_curves": lambda e: plots.cs_curves([e]),
    "cs_curves_9": lambda e: plots.cs_curves([e] * 9),
    "error_by_age": plots.error_by_age,
    "predicted_against_true": plots.predicted_against_true,
    "interval_coverage": plots.interval_coverage,
    "threshold_errors": lambda e: plots.threshold_errors([e]),
    "threshold_errors_9": lambda e: plots.threshold_errors([e] * 9),
    "mae_by_group": lambda e: plots.mae_by_group(e, "gender"),
    "age_histogram": lambda e: plots.age_histogram(
        e.predictions["age"][e.predictions["predicted"].notna()], data=e.data
    ),
}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize(
    ("frame", "n"),
    [
        (made.faces(400), "397"),
        (made.faces(1, failures=0), "1"),
        (made.faces(2, failures=1), "1"),
        (made.faces(1500, groups=100, failures=200), "1,300"),
    ],
    ids=["many", "one", "one of two", "100 groups"],
)
def test_every_plot_says_its_data_and_n(name: str, frame: Any, n: str) -> None:
    figure = DRAWN[name](made.evaluation(frame))
    assert isinstance(figure, Figure)
    said = title(figure)
    assert DATA in said
    assert f"n = {n} face{'' if n == '1' else 's'}" in said.replace("; the 40 largest", "")
    picture = drawn(figure)
    assert picture.std() > 5  # not an empty page


@pytest.mark.parametrize("name", DRAWN)
def test_axes_have_names(name: str) -> None:
    figure = DRAWN[name](made.evaluation(made.faces()))
    named = [figure.get_supylabel(), *(axes.get_ylabel() for axes in figure.axes)]
    assert any("year" in axes.get_xlabel() for axes in figure.axes)
    assert any(named) or name == "mae_by_group"  # there the groups are the names


@pytest.mark.parametrize("shift", [-300.0, 0.0, 300.0])
def test_predictions_may_be_far_off(shift: float) -> None:
    frame = made.faces(60)
    frame[["predicted", "low", "high"]] += shift
    for draw in DRAWN.values():
        drawn(draw(made.evaluation(frame)))


def test_all_faces_may_be_of_one_age() -> None:
    frame = made.faces(60).assign(age=30.0)
    for draw in DRAWN.values():
        drawn(draw(made.evaluation(frame)))


def test_legends_and_texts_stay_inside_the_page() -> None:
    long = "a model with a name of more than thirty letters"
    evaluation = made.evaluation(made.faces(), model=long, data=long * 3)
    for name, draw in DRAWN.items():
        figure = draw(evaluation)
        drawn(figure)
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 > -0.02, name
        assert box.y0 > -0.02, name
        assert box.x1 < width + 0.02, name
        assert box.y1 < height + 0.02, name
