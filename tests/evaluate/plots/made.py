"""Evaluations of invented predictions, and what the pictures of them say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from facelage.evaluate import Evaluation, plots
from facelage.evaluate.figures import figures_of


def faces(n: int = 400, *, seed: int = 0, failures: int = 3, groups: int = 2) -> pd.DataFrame:
    """Invented predictions: the older, the worse and the younger called."""
    rng = np.random.default_rng(seed)
    age = np.floor(np.clip(rng.gamma(3, 12, n), 0, 99))
    predicted = np.clip(age + rng.normal(0, 2 + age / 10) - (age - 35) / 12, 0, None)
    width = 6 + age / 5
    frame = pd.DataFrame(
        {
            "path": [f"photos/{number:05}.jpg" for number in range(n)],
            "age": age,
            "predicted": predicted,
            "low": predicted - width,
            "high": predicted + width,
            "status": "ok",
            "reason": "",
            "gender": [f"group {number % groups:03}" for number in range(n)],
        }
    )
    failed = rng.choice(n, min(failures, n - 1), replace=False)
    frame.loc[failed, ["predicted", "low", "high"]] = np.nan
    frame.loc[failed, "status"] = "no_face"
    frame.loc[failed, "reason"] = "the detector found no face"
    return frame


def evaluation(
    frame: pd.DataFrame,
    model: str = "squares_1.0",
    data: str = "painted, test split",
    *,
    columns: Sequence[str] = ("gender",),
    rounds: int = 20,
    **changes: Any,
) -> Evaluation:
    """The figures of `frame`, as :func:`facelage.evaluate.evaluate` has them."""
    settings = {key: changes.pop(key) for key in ("failures", "training_mean") if key in changes}
    figures = figures_of(frame, groups=columns, rounds=rounds, **settings)
    figures |= {"unlabelled": 4, "extra_predictions": 0}
    return Evaluation(model, data, frame, figures | changes)


def corruptions(models: Sequence[str], kinds: int = 8) -> pd.DataFrame:
    """MAE by severity for each corruption, as `CorruptionResult.table` has it."""
    names = ("blur", "noise", "jpeg", "darkness", "low_resolution", "occlusion", "rotation", "grey")
    cases = [("clean", 0), *((kind, step) for kind in names[:kinds] for step in range(1, 6))]
    return pd.DataFrame(
        [
            {
                "model": model,
                "corruption": kind,
                "severity": step,
                "n": 120,
                "mae": 5 + 3 * number + step**1.3 * (1 + len(kind)) / 9,
                "bias": -0.2 * step,
                "cs5": 0.6 - 0.05 * step,
                "failures": 3,
            }
            for number, model in enumerate(models)
            for kind, step in cases
        ]
    )


def title(figure: Figure) -> str:
    """What a figure is titled, on one line."""
    return " ".join(" ".join(text.get_text() for text in figure.texts[:2]).split())


def drawn(figure: Figure) -> np.ndarray:
    """The figure's pixels: H x W x 3."""
    picture = cv2.imdecode(np.frombuffer(plots.png(figure, dpi=60), np.uint8), 1)
    assert picture is not None
    return picture
