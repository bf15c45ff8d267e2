"""From a table of predictions to every figure, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from facelage.metrics.bootstrap import unit_numbers
from facelage.metrics.groups import LIFE_STAGES, group_names
from facelage.metrics.regression import Years

Failures = Literal["left_out", "training_mean"]
#: Predictions outside (years) are counted: nobody was ever that old.
PLAUSIBLE = (0.0, 150.0)


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
        ``high``, the ends of an interval, ``path``, and ``group``, whose photo it is.
    groups, rounds, failures, training_mean, legal_age, nominal:
        As for :func:`facelage.evaluate.evaluate`.

    Returns
    -------
    dict
        Numbers, text, lists and dictionaries only, so that JSON holds it:

        - ``summary``: n, mae, median_error, mse, rmse, bias, top1, cs5, cs10;
        - ``intervals``, ``macro_mae_interval``: 95 % bootstrap intervals, [low, high];
        - ``bootstrap_unit``: what they draw, ``"groups"`` of the column ``group``
          (people, near-duplicates) if it is filled anywhere, else ``"faces"``;
          ``n_groups``: how many there are, or None;
        - ``macro_mae``, and ``cs_curve`` (k from "1" to "15");
        - ``by_age`` ("23"), ``by_decade`` ("20-29"), ``by_life_stage``: a summary
          each; decades and stages with ``images``, the faces there with failures,
          and ``failed``, those without an age;
        - ``by_group``, by column and value: a summary with ``images``, ``failed``,
          ``mae_difference``, ``mae_ratio`` and ``few`` (see
          :func:`facelage.metrics.compare_groups`);
        - ``empty_groups``, by column (also ``decade`` and ``life_stage``) and
          value: how many images a group has in which nobody got an age;
        - ``ungrouped``, by column: images without a value;
        - ``thresholds``: see :func:`facelage.metrics.threshold_errors`;
        - ``coverage``: None without intervals, else ``nominal``, ``n``,
          ``share``, ``median_width``, ``by_decade``, and ``beside``, the number
          of intervals that their own prediction is not in;
        - ``implausible``: predictions below 0 or above 150 years;
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
    order, units = drawn_order(counted), bootstrap_groups(counted)
    intervals = {
        key: list(ends)
        for key, ends in summary_intervals(
            true[order],
            predicted[order],
            groups=None if units is None else units[order],
            rounds=rounds,
        ).items()
    }
    said = frame["predicted"].dropna()
    figures: dict[str, Any] = {
        "summary": summary(true, predicted),
        "macro_mae_interval": intervals.pop("macro_mae"),
        "intervals": intervals,
        **bootstrap_facts(units),
        "macro_mae": macro_mae(true, predicted),
        "cs_curve": {str(k): share for k, share in cs_curve(true, predicted).items()},
        "by_age": {str(age): row for age, row in by_age(true, predicted).items()},
        "by_decade": by_band(true, predicted),
        "by_life_stage": by_life_stage(true, predicted),
        "by_group": {name: compare_groups(true, predicted, list(counted[name])) for name in groups},
        "thresholds": threshold_errors(true, predicted, legal_age=legal_age),
        "coverage": _coverage(frame, nominal),
        "implausible": int((~said.between(*PLAUSIBLE)).sum()),
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
            fix="pass training_mean= (--training-mean or --training-data)",
        )


def counted_rows(
    frame: pd.DataFrame, failures: Failures, training_mean: float | None
) -> pd.DataFrame:
    """The rows that figures are over: those with an age, or all, the failures with the mean."""
    if failures == "training_mean":
        return frame.assign(predicted=frame["predicted"].fillna(training_mean))
    return frame[frame["predicted"].notna()]


def drawn_order(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The rows in the order that intervals draw from: by path, whatever order they came in."""
    if "path" not in frame:
        return np.arange(len(frame))
    return np.argsort(frame["path"].to_numpy(object), kind="stable")


def bootstrap_groups(frame: pd.DataFrame) -> NDArray[np.object_] | None:
    """The rows' groups as text, which intervals draw; None if no row has one."""
    if "group" not in frame:
        return None
    names = np.array(group_names(list(frame["group"]), len(frame)), object)
    return names if (names != "").any() else None


def bootstrap_facts(units: NDArray[np.object_] | None) -> dict[str, Any]:
    """``bootstrap_unit`` and ``n_groups`` of :func:`figures_of`."""
    if units is None:
        return {"bootstrap_unit": "faces", "n_groups": None}
    return {"bootstrap_unit": "groups", "n_groups": int(unit_numbers(units, len(units)).max()) + 1}


def _count_images(figures: dict[str, Any], frame: pd.DataFrame, groups: Sequence[str]) -> None:
    """Set beside every group's figures how many images it has, and how many have failed."""
    failed = frame["predicted"].isna().to_numpy()
    decades = band_names(frame["age"])
    starts = tuple(LIFE_STAGES.values())
    stage = dict(zip(band_names(starts, starts), LIFE_STAGES, strict=True))
    stages = [stage[name] for name in band_names(frame["age"], starts)]
    tables = {
        "decade": (figures["by_decade"], decades),
        "life_stage": (figures["by_life_stage"], stages),
    }
    figures["ungrouped"] = {}
    for name in groups:
        names = group_names(list(frame[name]), len(frame))
        if blank := names.count(""):
            figures["ungrouped"][name] = blank
        tables[name] = (figures["by_group"][name], names)
    figures["empty_groups"] = {}
    for name, (rows, names) in tables.items():
        counts, gone = Counter(names), Counter(compress(names, failed))
        counts.pop("", None)
        for value, row in rows.items():
            row["images"], row["failed"] = counts[value], gone[value]
        if empty := {value: counts[value] for value in sorted(counts) if value not in rows}:
            figures["empty_groups"][name] = empty


def _coverage(frame: pd.DataFrame, nominal: float) -> dict[str, Any] | None:
    if not {"low", "high"} <= set(frame):
        return None
    kept = frame[frame["predicted"].notna() & frame["low"].notna() & frame["high"].notna()]
    if kept.empty:
        return None
    columns: list[Years] = [kept[name].to_numpy(np.float64) for name in ("age", "low", "high")]
    inside = kept["predicted"].between(kept["low"], kept["high"])
    decades = np.array(band_names(columns[0]))
    by_decade = {
        str(decade): interval_coverage(*(column[decades == decade] for column in columns))
        for decade in dict.fromkeys(np.sort(decades))
    }
    return {
        "nominal": nominal,
        **interval_coverage(*columns),
        "beside": int((~inside).sum()),
        "by_decade": by_decade,
    }
