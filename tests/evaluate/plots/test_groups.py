from __future__ import annotations

import numpy as np
import pytest

from facelage.errors import ManifestError
from facelage.evaluate import plots
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
