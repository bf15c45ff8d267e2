from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from facelage.evaluate import Evaluation
from facelage.evaluate.report import text_report
from facelage.evaluate.run import _figures

EXPECTED = """\
guess on squares
100 of 103 images predicted; failed: 2 no_face, 1 unreadable
4 images without an age left out

                            95 % bootstrap interval
  MAE, years         3.00   3.00 to 3.00
  MSE, years²        9.00   9.00 to 9.00
  RMSE, years        3.00   3.00 to 3.00
  bias, years        3.00   3.00 to 3.00
  top-1, %           0.00   0.00 to 0.00
  CS@5, %          100.00   100.00 to 100.00
  CS@10, %         100.00   100.00 to 100.00
  median, years      3.00
  macro MAE          3.00   mean over decades

  decade       n     MAE    bias    CS@5   CS@10
  10-19       60    3.00   +3.00  100.0%  100.0%
  70-79       40    3.00   +3.00  100.0%  100.0%

  gender       n     MAE    bias    CS@5   CS@10
  female      90    3.00   +3.00  100.0%  100.0%
  male        10    3.00   +3.00  100.0%  100.0%  (few)
"""


def evaluation(groups: tuple[str, ...] = ("gender",), data: str = "squares") -> Evaluation:
    ages = [15.0] * 60 + [75.0] * 43
    frame = pd.DataFrame(
        {
            "age": ages,
            "predicted": np.r_[np.array(ages[:100]) + 3, [np.nan] * 3],
            "status": ["ok"] * 100 + ["no_face", "no_face", "unreadable"],
            "gender": ["female"] * 90 + ["male"] * 13,
        }
    )
    figures: dict[str, Any] = _figures(frame, groups, rounds=20) | {"unlabelled": 4}
    return Evaluation("guess", data, frame, figures)


def test_the_report_reads_like_this() -> None:
    assert text_report(evaluation()) == EXPECTED


def test_no_failures_and_no_groups_leave_no_lines() -> None:
    whole = evaluation(groups=(), data="")
    whole.figures.update(failures={}, unlabelled=0)
    text = text_report(whole)
    assert text.startswith("guess on the given faces\n100 of 103 images predicted\n\n")
    assert "gender" not in text
    assert "without an age" not in text


def test_no_line_ends_in_spaces() -> None:
    assert all(line == line.rstrip() for line in text_report(evaluation()).split("\n"))
