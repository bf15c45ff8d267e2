from __future__ import annotations

import sys
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import InvalidArrayError, MissingDependencyError
from facelage.evaluate import plots
from facelage.evaluate.plots import style
from plots import made


def texts(figure: Any) -> str:
    """Everything that a figure says."""
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@given(st.lists(st.floats(-50, 150) | st.just(float("nan")), max_size=12), st.floats(0.5, 20))
def test_spread_keeps_the_order_and_the_gap(values: list[float], gap: float) -> None:
    places = style.spread(values, gap, 0, 100)
    known = [i for i, value in enumerate(values) if np.isfinite(value)]
    assert all(np.isnan(places[i]) for i in set(range(len(values))) - set(known))
    ordered = sorted(known, key=lambda i: values[i])
    steps = np.diff([places[i] for i in ordered])
    assert (steps >= gap - 1e-6).all()
    top = max(100, gap * (len(known) - 1))
    assert all(-1e-6 <= places[i] <= top + 1e-6 for i in known)


def test_what_is_apart_already_stays() -> None:
    assert style.spread([80.0, 10.0, 40.0], 5, 0, 100) == [80.0, 10.0, 40.0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("plain", "plain"), ("two\nlines\x00", "two lines"), ("a" * 31, "a" * 15 + "…" + "a" * 14)],
)
def test_names_are_made_to_fit(name: str, expected: str) -> None:
    assert style.short(name) == expected
    assert len(style.short(name)) <= 30


def test_models_stay_apart() -> None:
    styles = [tuple(map(str, style.line_style(i).values())) for i in range(28)]
    assert len(set(styles)) == 28


def test_pictures_neither_change_nor_obey_the_callers_settings() -> None:
    evaluation = made.evaluation(made.faces(40))
    plain = plots.png(plots.error_by_age(evaluation))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "figure.dpi": 30}):
        before = dict(matplotlib.rcParams)
        assert plots.png(plots.error_by_age(evaluation)) == plain
        assert dict(matplotlib.rcParams) == before


def test_pyplot_keeps_no_figure() -> None:
    import matplotlib.pyplot as plt

    plots.png(plots.cs_curves([made.evaluation(made.faces(40))]))
    assert plt.get_fignums() == []


def test_a_png_is_as_large_as_its_dpi_says() -> None:
    figure = plots.age_histogram([20.0, 30.0])
    for dpi in (100, 300):
        picture = cv2.imdecode(np.frombuffer(plots.png(figure, dpi=dpi), np.uint8), 1)
        assert picture.shape[1] == round(style.WIDTH * dpi)


def test_no_text_is_smaller_than_8_points() -> None:
    evaluation = made.evaluation(made.faces())
    for figure in (
        plots.cs_by_age([evaluation]),
        plots.cs_curves([evaluation]),
        plots.error_by_age(evaluation),
        plots.predicted_against_true(evaluation),
        plots.interval_coverage(evaluation),
        plots.threshold_errors([evaluation]),
        plots.mae_by_group(evaluation, "gender"),
        plots.mae_by_severity(made.corruptions(["a", "b"])),
        plots.age_histogram([1, 2], [1, 1]),
    ):
        plots.png(figure)
        sizes = [
            text.get_size()
            for text in figure.findobj(matplotlib.text.Text)
            if text.get_text() and text.get_visible()
        ]
        assert min(sizes) >= 8


def test_names_are_text_whatever_they_hold() -> None:
    name = "$x^{2 $ <b>\\frac 年齢\n{}%s"
    evaluation = made.evaluation(made.faces(60), model=name, data=name)
    for figure in (
        plots.cs_by_age([evaluation, evaluation]),
        plots.cs_curves([evaluation]),
        plots.predicted_against_true(evaluation),
        plots.mae_by_severity(made.corruptions([name, "b"]), data=name),
    ):
        assert "$x^{2 $ <b>" in texts(figure)
        assert plots.png(figure)


def test_titles_say_how_many_faces_each_model_has() -> None:
    all_faces = made.evaluation(made.faces(50, failures=0))
    some_fail = made.evaluation(made.faces(50, failures=7))
    assert style.on_data([all_faces]) == "painted, test split, n = 50 faces"
    assert style.on_data([some_fail, all_faces]) == "painted, test split, n = 43 to 50 faces"
    assert style.on_data([all_faces], named=True).startswith("squares_1.0 on painted")


def test_without_a_prediction_there_is_a_named_error() -> None:
    evaluation = made.evaluation(made.faces(20))
    evaluation.predictions["predicted"] = np.nan
    for draw in (plots.error_by_age, plots.predicted_against_true):
        with pytest.raises(InvalidArrayError, match="nothing to draw"):
            draw(evaluation)


def test_matplotlib_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"facelage\[plots\]"):
        plots.age_histogram([20.0])
