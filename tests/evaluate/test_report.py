from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import tiny
from facelage.evaluate import Evaluation
from facelage.evaluate.figures import figures_of
from facelage.evaluate.report import corruption_report, text_report

EXPECTED = """\
guess on squares
100 of 103 images predicted; failed: 2 no_face, 1 unreadable (left out of the figures)
4 images without an age left out

                            95 % bootstrap interval, drawing 100 faces
  MAE, years         3.00   3.00 to 3.00
  median, years      3.00   3.00 to 3.00
  MSE, years²        9.00   9.00 to 9.00
  RMSE, years        3.00   3.00 to 3.00
  bias, years        3.00   3.00 to 3.00
  top-1, %           0.00   0.00 to 0.00
  CS@5, %          100.00   100.00 to 100.00
  CS@10, %         100.00   100.00 to 100.00
  macro MAE          3.00   3.00 to 3.00, mean over decades

  within years       1     2     3     4     5     6     7     8     9    10    11    12    13    14    15
  faces, %         0.0   0.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0 100.0

  decade       n  failed     MAE    bias    CS@5   CS@10
  10-19       60       0    3.00   +3.00  100.0%  100.0%
  70-79       40       2    3.00   +3.00  100.0%  100.0%
  90+          0       1

  stage of life       n  failed     MAE    bias    CS@5   CS@10
  teen 13-17         60       0    3.00   +3.00  100.0%  100.0%
  senior 65+         40       3    3.00   +3.00  100.0%  100.0%

  gender       n  failed     MAE    bias    CS@5   CS@10   to best   ratio
  female      90       0    3.00   +3.00  100.0%  100.0%     +0.00    1.00
  male        10       0    3.00   +3.00  100.0%  100.0%     +0.00    1.00  (few)
  other        0       1
  2 images without gender

  challenge age                n      18      20      22      25      30      35
  under 18 and passed         60  100.0%    0.0%    0.0%    0.0%    0.0%    0.0%
  18 or more, challenged      40    0.0%    0.0%    0.0%    0.0%    0.0%    0.0%
"""  # noqa: E501 - as wide as the report is

INTERVALS = """
  intervals       n    hold   width
  all           100   60.0%    5.60
  10-19          60  100.0%    4.00
  70-79          40    0.0%    8.00
  they claim to hold 90% of true ages; width is the median, in years
"""


def evaluation(
    groups: tuple[str, ...] = ("gender",), data: str = "squares", **settings: Any
) -> Evaluation:
    ages = [15.0] * 60 + [75.0] * 42 + [95.0]
    frame = pd.DataFrame(
        {
            "age": ages,
            "predicted": np.r_[np.array(ages[:100]) + 3, [np.nan] * 3],
            "status": ["ok"] * 100 + ["no_face", "no_face", "unreadable"],
            "gender": ["female"] * 90 + ["male"] * 10 + ["other", "", ""],
        }
    )
    if settings.pop("intervals", False):
        frame["low"] = frame["predicted"] - np.r_[[4.0] * 60, [2.0] * 43]
        frame["high"] = frame["predicted"] + np.r_[[0.0] * 60, [6.0] * 43]
    figures = figures_of(frame, groups=groups, rounds=20, **settings)
    figures |= {"unlabelled": 4, "extra_predictions": 0, "rejected": {}}
    return Evaluation("guess", data, frame, figures)


def test_the_report_reads_like_this() -> None:
    assert text_report(evaluation()) == EXPECTED


def test_intervals_have_a_table() -> None:
    text = text_report(evaluation(intervals=True))
    assert text == EXPECTED + INTERVALS.replace("5.60", "4.00")


def test_failures_that_count_as_the_training_mean_are_said_to() -> None:
    text = text_report(evaluation(failures="training_mean", training_mean=33.25))
    assert "1 unreadable (counted as the training mean, 33.2 years)\n" in text
    [row] = [line.split() for line in text.splitlines() if line.startswith("  70-79")]
    assert row[1:3] == ["42", "2"]


def test_no_failures_and_no_groups_leave_no_lines() -> None:
    whole = evaluation(groups=(), data="")
    whole.figures.update(failures={}, unlabelled=0)
    text = text_report(whole)
    assert text.startswith("guess on the given faces\n103 of 103 images predicted\n\n")
    assert "gender" not in text
    assert "without an age" not in text


def test_predictions_for_other_images_are_mentioned() -> None:
    whole = evaluation()
    whole.figures["extra_predictions"] = 7
    assert "\n7 predictions are for other images\n" in text_report(whole)


def test_what_prepare_rejected_is_mentioned() -> None:
    whole = evaluation()
    whole.figures["rejected"] = {"no_face": 7, "blurred": 2}
    assert whole.rejected == {"no_face": 7, "blurred": 2}
    line = "\n9 images that `prepare` rejected are in no figure: 7 no_face, 2 blurred\n"
    assert line in text_report(whole)


def test_the_unit_of_the_bootstrap_is_said() -> None:
    whole = evaluation()
    whole.figures.update(bootstrap_unit="groups", n_groups=30)
    text = text_report(whole)
    assert "interval, drawing 30 groups (people, near-duplicates) of 100 faces\n" in text
    whole.figures["n_groups"] = 29
    assert "of 100 faces: too few to trust it\n" in text_report(whole)


def test_an_empty_side_of_the_legal_age_has_no_rate() -> None:
    lines = text_report(evaluation(legal_age=99)).splitlines()
    [row] = [line for line in lines if "99 or more" in line]
    assert row.split()[-7:] == ["0", *["-"] * 6]


def test_no_line_ends_in_spaces() -> None:
    assert all(line == line.rstrip() for line in text_report(evaluation()).split("\n"))


def test_damage_is_a_line_a_corruption_with_the_clean_error_first() -> None:
    lines = corruption_report(tiny.corruption_table()).splitlines()
    assert lines[2:] == [
        "  m",
        "  severity               0       1       2",
        "  blur                4.00    4.50 1234.50",
        "  grey                4.00    5.00    6.25",
        "  n 9 or more, up to 2 failures",
    ]
