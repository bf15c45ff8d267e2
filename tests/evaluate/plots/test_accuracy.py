from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from facelage.errors import ConfigError
from facelage.evaluate import plots
from facelage.evaluate.figures import figures_of
from plots import made
from plots.made import title


def test_bars_are_the_shares_within_five_years() -> None:
    frame = made.faces(20, failures=0).assign(age=[7.0] * 12 + [9.0] * 8)
    frame["predicted"] = frame["age"] + np.repeat([6.0, 5.0, -5.1], [3, 9, 8])
    figure = plots.cs_by_age([made.evaluation(frame)])
    bars = {
        round(bar.get_x() + bar.get_width() / 2): bar
        for bar in figure.axes[0].patches
        if bar.get_height() > 0
    }
    assert {age: bar.get_height() for age, bar in bars.items()} == {7: 0.75}
    # The age at which nobody is within reach has a tick instead.
    ticks = [line for each in figure.axes[0].collections for line in each.get_segments()]
    assert [float(line[0][0]) for line in ticks] == [9.0]
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["squares_1.0: 45.0 % of all"]


def test_two_models_stand_side_by_side_in_their_colours() -> None:
    frame = made.faces(40, failures=0).assign(age=30.0, predicted=31.0)
    first, second = (
        bar
        for bar in plots.cs_by_age([made.evaluation(frame)] * 2).axes[0].patches
        if bar.get_height() > 0
    )
    assert first.get_x() + first.get_width() == pytest.approx(second.get_x())
    blue, green = first.get_facecolor(), second.get_facecolor()
    assert blue[2] > max(blue[:2])
    assert green[1] > max(green[0], green[2])


def test_few_faces_are_paler() -> None:
    frame = made.faces(15, failures=0).assign(age=[30.0] * 10 + [31.0] * 5, predicted=31.0)
    bars = {
        round(bar.get_x() + bar.get_width() / 2): sum(bar.get_facecolor()[:3])
        for bar in plots.cs_by_age([made.evaluation(frame)]).axes[0].patches
    }
    assert bars[31] > bars[30] + 0.5


@pytest.mark.parametrize("count", [0, 3])
def test_bars_are_for_one_or_two_models(count: int) -> None:
    with pytest.raises(ConfigError, match="one or two"):
        plots.cs_by_age([made.evaluation(made.faces(1, failures=0))] * count)


def test_curves_are_the_figures_and_are_named_at_their_ends() -> None:
    models = [made.evaluation(made.faces(80, seed=i), model=f"model {i}") for i in range(3)]
    axes = plots.cs_curves(models).axes[0]
    for line, each in zip(axes.lines, models, strict=True):
        assert list(line.get_ydata()) == list(each.figures["cs_curve"].values())
    names = [text.get_text() for text in axes.texts]
    assert names == ["model 0", "model 1", "model 2"]
    assert [text.get_color() for text in axes.texts] == [line.get_color() for line in axes.lines]


def test_the_box_of_the_errors_holds_half_and_90_percent() -> None:
    frame = made.faces(101, failures=0).assign(age=32.0)
    frame["predicted"] = 32.0 + np.arange(101) - 50
    wide, half = (bar for bar in plots.error_by_age(made.evaluation(frame)).axes[0].patches)
    assert (wide.get_y(), wide.get_y() + wide.get_height()) == (-45, 45)
    assert (half.get_y(), half.get_y() + half.get_height()) == (-25, 25)


def test_bins_of_few_faces_show_each() -> None:
    frame = made.faces(9, failures=0).assign(age=32.0)
    axes = plots.error_by_age(made.evaluation(frame)).axes[0]
    assert not axes.patches
    rings = [line for line in axes.lines if line.get_marker() == "o"]
    assert sum(len(line.get_ydata()) for line in rings) == 9


def test_failures_that_count_are_in_the_bars_too() -> None:
    evaluation = made.evaluation(made.faces(200, failures=80))
    counted = dataclasses.replace(
        evaluation,
        figures=figures_of(
            evaluation.predictions, rounds=1, failures="training_mean", training_mean=33.0
        ),
    )
    share = f"{counted.figures['summary']['cs5']:.1%}".replace("%", " %")
    figure = plots.cs_by_age([counted])
    assert f"{share} of all" in figure.axes[0].get_legend().get_texts()[0].get_text()
    assert "n = 200 faces" in title(figure)
    assert "n = 200 faces" in title(plots.cs_curves([counted]))
    assert "n = 120 faces" in title(plots.cs_by_age([evaluation]))
