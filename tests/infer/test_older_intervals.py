from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError, InvalidArrayError, WeightsError
from facelage.infer.intervals import Calibration
from facelage.infer.older_intervals import OlderCalibration, read_calibration

RESIDUALS = tuple(n / 10 for n in range(-50, 51))
OLDER = OlderCalibration((0.0, 50.0), (1.0, 3.0), (2.0, 4.0), RESIDUALS)
TEXT = json.dumps(
    {"knots": [0, 50], "low_scales": [1, 3], "high_scales": [2, 4], "residuals": RESIDUALS}
)


def test_files_of_each_age_are_read_as_what_they_are() -> None:
    assert read_calibration(TEXT) == OLDER
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 90, 200)
    new = Calibration.fit(true, true + rng.normal(0, 5, 200))
    assert read_calibration(new.to_json()) == new


def test_the_oldest_files_have_one_scale_on_both_sides() -> None:
    oldest = json.dumps({"knots": [0, 50], "scales": [1, 3], "residuals": RESIDUALS})
    assert read_calibration(oldest) == OlderCalibration(
        (0.0, 50.0), (1.0, 3.0), (1.0, 3.0), RESIDUALS
    )


def test_ends_are_as_far_as_the_scales_at_the_predicted_age() -> None:
    # 101 residuals: 90 % are between the fifth and the 97th, -4.6 and 4.6.
    assert OLDER.interval(50.0) == pytest.approx([50 - 4.6 * 3, 50 + 4.6 * 4])
    assert OLDER.interval([50.0], 0.9, [0.5])[0] == pytest.approx([50 - 2.3 * 3, 50 + 2.3 * 4])
    assert OLDER.interval(1.0)[0] == 0.0


@given(coverage=st.floats(0.05, 0.95), age=st.floats(30, 90), spread=st.floats(0.34, 2))
def test_the_ends_have_the_probability_outside(coverage: float, age: float, spread: float) -> None:
    low, high = OLDER.interval(age, coverage, spread)
    for end, beyond in ((low, (1 + coverage) / 2), (high, (1 - coverage) / 2)):
        if end > 0:
            assert float(OLDER.probability_at_least(age, end, spread)) == pytest.approx(
                beyond, abs=0.021
            )


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"knots": [0]}', TEXT.replace("[1, 3]", "[0, 3]")]
)
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(WeightsError, match="calibration"):
        read_calibration(text)


def test_what_can_not_be_asked_is_refused() -> None:
    with pytest.raises(ConfigError, match="coverage is out of range"):
        OLDER.interval(30.0, 1.0)
    with pytest.raises(InvalidArrayError, match="not the spreads of faces"):
        OLDER.interval(30.0, 0.9, 0.0)
