from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facelage.errors import InvalidArrayError
from facelage.evaluate import plots
from plots.made import title


def test_balancing_is_scaled_to_the_faces_there_are() -> None:
    figure = plots.age_histogram([10, 10, 10, 40], [1, 1, 1, 3], data="d")
    before, after = (patch.get_data() for patch in figure.axes[0].patches)
    assert (before.values[10], before.values[40]) == (3, 1)
    assert (after.values[10], after.values[40]) == (2, 2)
    assert "before and after balancing" in title(figure)


def test_ages_without_a_label_are_counted_in_the_title() -> None:
    assert "n = 2 faces, 1 more without an age" in title(plots.age_histogram([3.0, np.nan, 4.0]))


@pytest.mark.parametrize("ages", [[], [np.nan], [[1.0, 2.0]]])
def test_no_ages_are_a_named_error(ages: Any) -> None:
    with pytest.raises(InvalidArrayError):
        plots.age_histogram(ages)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.nan]])
def test_weights_must_fit(weights: Any) -> None:
    with pytest.raises(InvalidArrayError, match="weights"):
        plots.age_histogram([1.0, 2.0], weights)
