"""An evaluation, or a comparison of several, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facelage.evaluate.figures import PLAUSIBLE
from facelage.metrics.groups import FEW

if TYPE_CHECKING:
    import pandas as pd

    from facelage.evaluate.compare import Comparison
    from facelage.evaluate.run import Evaluation

_LABELS = (
    ("mae", "MAE", "years", 1),
    ("median_error", "median", "years", 1),
    ("mse", "MSE", "years²", 1),
    ("rmse", "RMSE", "years", 1),
    ("bias", "bias", "years", 1),
    ("top1", "top-1", "%", 100),
    ("cs5", "CS@5", "%", 100),
    ("cs10", "CS@10", "%", 100),
)
_COLUMNS = (("mae", 1, 2), ("cs5", 100, 1), ("cs10", 100, 1), ("mse", 1, 1), ("top1", 100, 1))
#: Years above the legal age that the text shows of the challenge ages.
_ABOVE = (0, 2, 4, 7, 12, 17)


def text_report(evaluation: Evaluation) -> str:
    """Every figure but those by year of age, with failures beside them, as fixed-width text."""
    figures = evaluation.figures
    lines = [f"{evaluation.model} on {evaluation.data or 'the given faces'}"]
    lines += _counts(figures)
    unit = _unit(figures, figures["summary"]["n"])
    lines += ["", f"  {'':<14}{'':>9}   95 % bootstrap interval, drawing {unit}"]
    for key, label, unit, scale in _LABELS:
        value = figures["summary"][key] * scale
        low, high = (end * scale for end in figures["intervals"][key])
        lines.append(f"  {label + ', ' + unit:<14}{value:>9.2f}   {low:.2f} to {high:.2f}")
    low, high = figures["macro_mae_interval"]
    lines.append(
        f"  {'macro MAE':<14}{figures['macro_mae']:>9.2f}   {low:.2f} to {high:.2f}, "
        "mean over decades"
    )
    lines += ["", *_curve(figures["cs_curve"])]
    empty = figures["empty_groups"]
    for title, key in (("decade", "by_decade"), ("stage of life", "by_life_stage")):
        gone = empty.get(key.removeprefix("by_"), {})
        lines += ["", *_table(title, figures[key], gone)]
    for name, groups in figures["by_group"].items():
        lines += ["", *_group_table(name, groups, empty.get(name, {}))]
        if blank := figures["ungrouped"].get(name):
            lines.append(f"  {blank} images without {name}")
    lines += ["", *_thresholds(figures["thresholds"])]
    if figures["coverage"] is not None:
        lines += ["", *_coverage(figures["coverage"])]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def corruption_report(table: pd.DataFrame) -> str:
    """The MAE against severity, a block a model, as fixed-width text.

    `table` is that of :class:`facelage.evaluate.corruptions.CorruptionResult`.
    """
    lines = ["MAE in years on the same faces, damaged more and more"]
    for model, rows in table.groupby("model", sort=False):
        damaged, clean = rows[rows["severity"] > 0], rows[rows["severity"] == 0]
        severities = sorted(damaged["severity"].unique())
        lines += ["", f"  {model}"]
        lines.append(f"  {'severity':<16}" + "".join(f"{n:>8}" for n in (0, *severities)))
        for name, part in damaged.groupby("corruption", sort=False):
            cells = [*clean["mae"], *part.sort_values("severity")["mae"]]
            lines.append(f"  {name:<16}" + "".join(f"{value:>8.2f}" for value in cells))
        n, failures = int(rows["n"].min()), int(rows["failures"].max())
        lines.append(f"  n {n}" + (f" or more, up to {failures} failures" if failures else ""))
    return "\n".join(lines) + "\n"


def comparison_report(comparison: Comparison) -> str:
    """The models side by side and who is better, as fixed-width text."""
    images = comparison.table[0]["images"]
    lines = [
        f"{len(comparison.table)} models on {comparison.data or 'the given faces'}",
        f"{comparison.n} of {images} images: those that every model gave an age for"
        if comparison.evaluations[0].figures["failures_as"] == "left_out"
        else f"{images} images; failures count as the training mean",
        "",
    ]
    lines[2:2] = _rejected(comparison.evaluations[0].rejected)
    rows = [["model", "failed", "MAE", "CS@5", "CS@10", "MSE", "top-1", "bias"]]
    for row in comparison.table:
        cells = [row["model"], str(sum(row["failures"].values()))]
        for key, scale, digits in (*_COLUMNS, ("bias", 1, 2)):
            low, high = (end * scale for end in row["intervals"][key])
            value = row["summary"][key] * scale
            cells.append(f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        rows.append(cells)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for cells in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        padded[1] = cells[1].rjust(widths[1])
        lines.append("  " + "  ".join(padded))
    facts = {"bootstrap_unit": comparison.bootstrap_unit, "n_groups": comparison.n_groups}
    lines += [
        "",
        f"In brackets 95 % bootstrap intervals, drawing {_unit(facts, comparison.n)};",
        "MAE and bias in years, CS and top-1 in %.",
        "",
        "Failed:",
    ]
    for row in comparison.table:
        failed = ", ".join(f"{n} {status}" for status, n in row["failures"].items()) or "none"
        lines.append(f"  {row['model']:<{widths[0]}}  {failed}")
    lines += ["", "MAE, and CS@5 in percentage points, paired on the same faces:"]
    for difference in comparison.differences:
        by = difference.figures["cs5"] * 100
        low, high = (end * 100 for end in difference.intervals["cs5"])
        lines.append(f"  {difference.verdict}")
        lines.append(
            f"    CS@5, {difference.a} minus {difference.b}: {by:+.1f} ({low:+.1f} to {high:+.1f})"
        )
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _counts(figures: dict[str, Any]) -> list[str]:
    total = figures["images"]
    failed = sum(figures["failures"].values())
    line = f"{total - failed} of {total} images predicted"
    if failed:
        line += "; failed: " + ", ".join(
            f"{n} {status}" for status, n in figures["failures"].items()
        )
        if figures["failures_as"] == "training_mean":
            line += f" (counted as the training mean, {figures['training_mean']:.1f} years)"
        else:
            line += " (left out of the figures)"
    lines = [line]
    if figures["unlabelled"]:
        lines.append(f"{figures['unlabelled']} images without an age left out")
    if figures["extra_predictions"]:
        lines.append(f"{figures['extra_predictions']} predictions are for other images")
    if figures["implausible"]:
        low, high = PLAUSIBLE
        lines.append(
            f"{figures['implausible']} predictions are below {low:.0f} or above {high:.0f} years"
        )
    return lines + _rejected(figures["rejected"])


def _rejected(rejected: dict[str, int]) -> list[str]:
    if not rejected:
        return []
    by_status = ", ".join(f"{n} {status}" for status, n in rejected.items())
    return [
        f"{sum(rejected.values())} images that `prepare` rejected are in no figure: {by_status}"
    ]


def _unit(facts: dict[str, Any], n: float) -> str:
    if facts["bootstrap_unit"] == "faces":
        return f"{n:.0f} faces"
    few = ": too few to trust it" if facts["n_groups"] < FEW else ""
    return f"{facts['n_groups']} groups (people, near-duplicates) of {n:.0f} faces{few}"


def _curve(curve: dict[str, float]) -> list[str]:
    return [
        f"  {'within years':<14}" + "".join(f"{k:>6}" for k in curve),
        f"  {'faces, %':<14}" + "".join(f"{share * 100:>6.1f}" for share in curve.values()),
    ]


def _table(title: str, groups: dict[str, dict[str, Any]], empty: dict[str, int]) -> list[str]:
    width = max(map(len, (title, *groups, *empty)))
    lines = [
        f"  {title:<{width}}  {'n':>6}  {'failed':>6}  {'MAE':>6}  {'bias':>6}  {'CS@5':>6}"
        f"  {'CS@10':>6}"
    ]
    for name, row in groups.items():
        lines.append(f"  {name:<{width}}  {_cells(row)}" + ("  (few)" if row["n"] < 30 else ""))
    return lines + _empty(empty, width)


def _group_table(title: str, groups: dict[str, dict[str, Any]], empty: dict[str, int]) -> list[str]:
    lines = _table(title, groups, empty)
    lines[0] += f"  {'to best':>8}  {'ratio':>6}"
    for index, row in enumerate(groups.values(), 1):
        if row["mae_difference"] is not None:
            line = lines[index].removesuffix("  (few)")
            ratio = "" if row["mae_ratio"] is None else f"{row['mae_ratio']:.2f}"
            line += f"  {row['mae_difference']:>+8.2f}  {ratio:>6}"
            lines[index] = line + ("  (few)" if row["few"] else "")
    return lines


def _cells(row: dict[str, Any]) -> str:
    return (
        f"{row['n']:>6.0f}  {row['failed']:>6}  {row['mae']:>6.2f}  {row['bias']:>+6.2f}"
        f"  {row['cs5']:>6.1%}  {row['cs10']:>6.1%}"
    )


def _empty(empty: dict[str, int], width: int) -> list[str]:
    return [f"  {name:<{width}}  {0:>6}  {count:>6}" for name, count in empty.items()]


def _thresholds(thresholds: dict[str, Any]) -> list[str]:
    legal = thresholds["legal_age"]
    shown = [year for year in thresholds["challenge"] if int(year) - legal in _ABOVE]
    lines = [
        f"  {'challenge age':<24}{'n':>6}" + "".join(f"{year:>8}" for year in shown),
    ]
    for label, key, n in (
        (f"under {legal} and passed", "false_positive_rate", thresholds["n_under"]),
        (f"{legal} or more, challenged", "false_negative_rate", thresholds["n_over"]),
    ):
        rates = [thresholds["challenge"][year][key] for year in shown]
        cells = "".join(f"{'-' if rate is None else f'{rate:.1%}':>8}" for rate in rates)
        lines.append(f"  {label:<24}{n:>6}{cells}")
    return lines


def _coverage(coverage: dict[str, Any]) -> list[str]:
    width = max(len("intervals"), *map(len, coverage["by_decade"]))
    nominal = f"{coverage['nominal']:.0%} of"
    lines = [f"  {'intervals':<{width}}  {'n':>6}  {'hold':>6}  {'width':>6}"]
    for name, row in (("all", coverage), *coverage["by_decade"].items()):
        cells = f"{row['n']:>6.0f}  {row['share']:>6.1%}  {row['median_width']:>6.2f}"
        lines.append(f"  {name:<{width}}  {cells}")
    lines.append(f"  they claim to hold {nominal} true ages; width is the median, in years")
    if coverage["beside"]:
        lines.append(f"  {coverage['beside']} do not hold their own prediction")
    return lines
