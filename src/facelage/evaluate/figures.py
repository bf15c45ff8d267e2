"""From a table of predictions to every figure, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from facelage.errors import ConfigError, ManifestError
from facelage.metrics import (
    band_names,
    by_age,
    by_band,
    by_life_stage,
    compare_groups,
    cs_curve,
    interval_coverage,
    macro_mae,
    summary,
    summary_intervals,
    threshold_errors,
)
from facelage.metrics.groups import LIFE_STAGES, group_names
from facelage.metrics.regression import Years

Failures = Literal["left_out", "training_mean"]


def figures_of(
    frame: pd.DataFrame,
    *,
    groups: Sequence[str] = (),
    rounds: int = 1000,
    failures: Failures = "left_out",
    training_mean: float | None = None,
    legal_age: int = 18,
    nominal: float = 0.9,
) -> dict[str, Any]:
    """Every figure of a table of predictions.

    Parameters
    ----------
    frame:
        Columns ``age`` (years, no NaN), ``predicted`` (years, NaN for a
        failure), ``status``, those of `groups`, and optionally ``low`` and
        ``high``, the ends of an interval.
    groups, rounds, failures, training_mean, legal_age, nominal:
        As for :func:`facelage.evaluate.evaluate`.

    Returns
    -------
    dict
        Numbers, text, lists and dictionaries only, so that JSON holds it:

        - ``summary``: n, mae, median_error, mse, rmse, bias, top1, cs5, cs10;
        - ``intervals``, ``macro_mae_interval``: 95 % bootstrap intervals, [low, high];
        - ``macro_mae``, and ``cs_curve`` (k from "1" to "15");
        - ``by_age`` ("23"), ``by_decade`` ("20-29"), ``by_life_stage``: a summary
          each; decades and stages with ``images``, the faces there with failures;
        - ``by_group``, by column and value: a summary with ``images``,
          ``mae_difference``, ``mae_ratio`` and ``few`` (see
          :func:`facelage.metrics.compare_groups`);
        - ``empty_groups``, by column (also ``decade`` and ``life_stage``) and
          value: how many images a group has in which nobody got an age;
        - ``ungrouped``, by column: images without a value;
        - ``thresholds``: see :func:`facelage.metrics.threshold_errors`;
        - ``coverage``: None without intervals, else ``nominal``, ``n``,
          ``share``, ``median_width`` and ``by_decade``;
        - ``images``, ``failures`` (by status), ``failures_as``,
          ``training_mean``, ``rounds``.

    Raises
    ------
    ConfigError
        If a setting is out of range.
    ManifestError
        If nothing was predicted.
    """
    check_settings(failures, training_mean, nominal)
    failed = frame[frame["predicted"].isna()]
    if len(failed) == len(frame):
        raise ManifestError(
            "no face could be predicted",
            got=", ".join(f"{n} {s}" for s, n in Counter(failed["status"]).items()) or "0 rows",
            fix="check the images and the detector",
        )
    counted = counted_rows(frame, failures, training_mean)
    true, predicted = counted["age"].to_numpy(np.float64), counted["predicted"].to_numpy(np.float64)
    intervals = {
        key: list(ends) for key, ends in summary_intervals(true, predicted, rounds=rounds).items()
    }
    figures: dict[str, Any] = {
        "summary": summary(true, predicted),
        "macro_mae_interval": intervals.pop("macro_mae"),
        "intervals": intervals,
        "macro_mae": macro_mae(true, predicted),
        "cs_curve": {str(k): share for k, share in cs_curve(true, predicted).items()},
        "by_age": {str(age): row for age, row in by_age(true, predicted).items()},
        "by_decade": by_band(true, predicted),
        "by_life_stage": by_life_stage(true, predicted),
        "by_group": {name: compare_groups(true, predicted, list(counted[name])) for name in groups},
        "thresholds": threshold_errors(true, predicted, legal_age=legal_age),
        "coverage": _coverage(frame, nominal),
        "images": len(frame),
        "failures": {str(k): int(v) for k, v in failed["status"].value_counts().items()},
        "failures_as": failures,
        "training_mean": training_mean if failures == "training_mean" else None,
        "rounds": rounds,
    }
    _count_images(figures, frame, groups)
    return figures


def check_settings(failures: str, training_mean: float | None, nominal: float) -> None:
    """Raise a :class:`ConfigError` if a setting of :func:`figures_of` is out of range."""
    if not 0 < nominal < 1:
        raise ConfigError("nominal is out of range", got=str(nominal), expected="0 to 1")
    if failures not in ("left_out", "training_mean"):
        raise ConfigError(
            "unknown way to count failures",
            got=repr(failures),
            expected="left_out or training_mean",
        )
    usable = training_mean is not None and np.isfinite(training_mean) and training_mean >= 0
    if failures == "training_mean" and not usable:
        raise ConfigError(
            "the mean age of the training data is not known",
            got=str(training_mean),
            expected="years",
            fix="pass training_mean= (--training-mean)",
        )


def counted_rows(
    frame: pd.DataFrame, failures: Failures, training_mean: float | None
) -> pd.DataFrame:
    """The rows that figures are over: those with an age, or all, the failures with the mean."""
    if failures == "training_mean":
        return frame.assign(predicted=frame["predicted"].fillna(training_mean))
    return frame[frame["predicted"].notna()]


def _count_images(figures: dict[str, Any], frame: pd.DataFrame, groups: Sequence[str]) -> None:
    """Set beside every group's figures how many images it has, failures included."""
    decades = band_names(frame["age"])
    starts = tuple(LIFE_STAGES.values())
    stage = dict(zip(band_names(starts, starts), LIFE_STAGES, strict=True))
    stages = [stage[name] for name in band_names(frame["age"], starts)]
    tables = {
        "decade": (figures["by_decade"], Counter(decades)),
        "life_stage": (figures["by_life_stage"], Counter(stages)),
    }
    figures["ungrouped"] = {}
    for name in groups:
        counts = Counter(group_names(list(frame[name]), len(frame)))
        if blank := counts.pop("", 0):
            figures["ungrouped"][name] = blank
        tables[name] = (figures["by_group"][name], counts)
    figures["empty_groups"] = {}
    for name, (rows, counts) in tables.items():
        for value, row in rows.items():
            row["images"] = counts[value]
        if empty := {value: counts[value] for value in sorted(counts) if value not in rows}:
            figures["empty_groups"][name] = empty


def _coverage(frame: pd.DataFrame, nominal: float) -> dict[str, Any] | None:
    if not {"low", "high"} <= set(frame):
        return None
    kept = frame[frame["predicted"].notna() & frame["low"].notna() & frame["high"].notna()]
    if kept.empty:
        return None
    columns: list[Years] = [kept[name].to_numpy(np.float64) for name in ("age", "low", "high")]
    decades = np.array(band_names(columns[0]))
    by_decade = {
        str(decade): interval_coverage(*(column[decades == decade] for column in columns))
        for decade in dict.fromkeys(np.sort(decades))
    }
    return {"nominal": nominal, **interval_coverage(*columns), "by_decade": by_decade}
