from __future__ import annotations

import numpy as np
import pytest

from facelage.errors import ManifestError
from facelage.evaluate import plots
from facelage.evaluate.plots.groups import standard_error
from plots import made
from plots.made import title


def test_groups_are_the_best_first_and_the_largest_of_too_many() -> None:
    frame = made.faces(60, failures=0).assign(gender=["b"] * 40 + ["a"] * 15 + [""] * 5)
    frame["predicted"] = frame["age"] + np.repeat([1.0, 3.0, 50.0], [40, 15, 5])
    axes = plots.mae_by_group(made.evaluation(frame), "gender").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]  # upwards
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [3.0, 1.0]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [True, False]
    many = plots.mae_by_group(made.evaluation(made.faces(1500, groups=100)), "gender")
    assert "the 40 largest of 100 groups" in title(many)


def test_a_missing_column_is_a_named_error() -> None:
    with pytest.raises(ManifestError, match="no groups"):
        plots.mae_by_group(made.evaluation(made.faces(1, failures=0)), "shoe size")


def test_photos_of_one_person_count_together() -> None:
    rng = np.random.default_rng(0)
    values, alone = rng.normal(5, 2, 40), np.arange(40)
    assert standard_error(values, alone) == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    # Each photo ten times over says no more than once, up to the number of people.
    again, whose = np.repeat(values, 10), np.repeat(alone, 10)
    assert standard_error(again, whose) == pytest.approx(standard_error(values, alone))
    assert standard_error(again, np.zeros(400, int)) == 0
    frame = made.faces(60, failures=0).assign(gender="a")
    widths = []
    for person in ("", [f"p{n // 12}" for n in range(60)]):
        frame["predicted"] = frame["age"] + np.repeat([1.0, 3.0, 5.0, 7.0, 9.0], 12)
        axes = plots.mae_by_group(made.evaluation(frame.assign(group=person)), "gender").axes[0]
        widths.append(np.ptp(next(line for line in axes.lines if line.get_lw() == 1.5).get_xdata()))
    assert widths[1] > 3 * widths[0]
