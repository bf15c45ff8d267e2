"""Figures of merit for predicted ages: pure functions on arrays."""

from facelage.metrics.bootstrap import (
    bootstrap_interval,
    paired_interval,
    percentiles,
    resampled_figures,
    summary_intervals,
)
from facelage.metrics.coverage import interval_coverage
from facelage.metrics.groups import (
    band_names,
    by_age,
    by_band,
    by_group,
    by_life_stage,
    compare_groups,
    macro_mae,
)
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
from facelage.metrics.thresholds import threshold_errors

__all__ = [
    "band_names",
    "bias",
    "bootstrap_interval",
    "by_age",
    "by_band",
    "by_group",
    "by_life_stage",
    "compare_groups",
    "cs",
    "cs_curve",
    "errors",
    "interval_coverage",
    "macro_mae",
    "mae",
    "median_error",
    "mse",
    "paired_interval",
    "percentiles",
    "resampled_figures",
    "rmse",
    "summary",
    "summary_intervals",
    "threshold_errors",
    "top1",
]
