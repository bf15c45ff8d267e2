"""Figures of merit for predicted ages: pure functions on arrays."""

from facelage.metrics.bootstrap import bootstrap_interval, paired_interval, summary_intervals
from facelage.metrics.groups import by_age, by_band, by_group, macro_mae
from facelage.metrics.regression import (
    bias,
    cs,
    cs_curve,
    errors,
    mae,
    median_error,
    mse,
    rmse,
    summary,
    top1,
)

__all__ = [
    "bias",
    "bootstrap_interval",
    "by_age",
    "by_band",
    "by_group",
    "cs",
    "cs_curve",
    "errors",
    "macro_mae",
    "mae",
    "median_error",
    "mse",
    "paired_interval",
    "rmse",
    "summary",
    "summary_intervals",
    "top1",
]
