"""An evaluation as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelage.evaluate.run import Evaluation

_LABELS = (
    ("mae", "MAE", "years", 1),
    ("mse", "MSE", "years²", 1),
    ("rmse", "RMSE", "years", 1),
    ("bias", "bias", "years", 1),
    ("top1", "top-1", "%", 100),
    ("cs5", "CS@5", "%", 100),
    ("cs10", "CS@10", "%", 100),
)


def text_report(evaluation: Evaluation) -> str:
    """Headline figures with intervals, failures, decades and groups, as fixed-width text."""
    figures = evaluation.figures
    total, n = figures["images"], int(figures["summary"]["n"])
    lines = [f"{evaluation.model} on {evaluation.data or 'the given faces'}"]
    failures = ", ".join(f"{count} {status}" for status, count in figures["failures"].items())
    lines.append(f"{n} of {total} images predicted" + (f"; failed: {failures}" if failures else ""))
    if figures["unlabelled"]:
        lines.append(f"{figures['unlabelled']} images without an age left out")
    lines += ["", f"  {'':<14}{'':>9}   95 % bootstrap interval"]
    for key, label, unit, scale in _LABELS:
        value = figures["summary"][key] * scale
        low, high = (end * scale for end in figures["intervals"][key])
        lines.append(f"  {label + ', ' + unit:<14}{value:>9.2f}   {low:.2f} to {high:.2f}")
    lines.append(f"  {'median, years':<14}{figures['summary']['median_error']:>9.2f}")
    lines.append(f"  {'macro MAE':<14}{figures['macro_mae']:>9.2f}   mean over decades")
    lines += ["", *_table("decade", figures["by_decade"])]
    for name, groups in figures["by_group"].items():
        lines += ["", *_table(name, groups)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _table(title: str, groups: dict[str, dict[str, Any]]) -> list[str]:
    width = max(len(title), *(len(name) for name in groups)) if groups else len(title)
    lines = [f"  {title:<{width}}  {'n':>6}  {'MAE':>6}  {'bias':>6}  {'CS@5':>6}  {'CS@10':>6}"]
    for name, row in groups.items():
        few = "  (few)" if row["n"] < 30 else ""
        lines.append(
            f"  {name:<{width}}  {row['n']:>6.0f}  {row['mae']:>6.2f}  {row['bias']:>+6.2f}"
            f"  {row['cs5']:>6.1%}  {row['cs10']:>6.1%}{few}"
        )
    return lines
