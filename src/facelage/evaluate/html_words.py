"""The sentences of an HTML report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from facelage.evaluate import html_tables as tables

if TYPE_CHECKING:
    from facelage.evaluate.compare import Comparison
    from facelage.evaluate.run import Evaluation

_REASONS = 3  # shown of each kind of failure


def title(evaluations: Sequence[Evaluation]) -> str:
    """Models, data and number of faces."""
    models = list(dict.fromkeys(each.model for each in evaluations))
    data = list(dict.fromkeys(each.data or "the given faces" for each in evaluations))
    what = " and ".join(models) if len(models) <= 2 else f"{len(models)} models"
    counts = sorted({int(each.figures["summary"]["n"]) for each in evaluations})
    faces = " to ".join(f"{count:,}" for count in (counts[0], counts[-1])[: len(counts)])
    return f"{what} on {', '.join(data)}, n = {faces} face{'' if counts == [1] else 's'}"


def verdict(evaluations: Sequence[Evaluation], comparison: Comparison | None) -> str:
    """What the figures come to, in a sentence."""
    if len(evaluations) == 1:
        figures = evaluations[0].figures
        mae = tables.headline(figures, "mae")
        sure = f" (95 % interval {mae.small})" if mae.small else ""
        bias = figures["summary"]["bias"]
        lean = ""
        low, high = figures.get("intervals", {}).get("bias", (-1, 1))
        if low > 0 or high < 0:
            way = "old" if bias > 0 else "young"
            lean = f" On average faces are called {tables.number(abs(bias), 1)} years too {way}."
        return (
            f"Estimates are off by {mae.text} years on average{sure}: half of the faces "
            f"are within {tables.headline(figures, 'median_error').text} years, and "
            f"{tables.headline(figures, 'cs5').text} within 5 years.{lean}"
        )
    rows: Sequence[dict[str, Any]] = (
        comparison.table
        if comparison is not None
        else [each.figures | {"model": each.model} for each in evaluations]
    )
    best = min(rows, key=lambda row: float(row["summary"]["mae"]))
    mae = tables.headline(best, "mae")
    sure = f" (95 % interval {mae.small})" if mae.small else ""
    text = f"{best['model']} has the lowest mean error, {mae.text} years{sure}"
    if comparison is None:
        return f"{text}; whether the others differ by more than chance was not tested."
    pairs = [each for each in comparison.differences if best["model"] in (each.a, each.b)]
    clear = sum(each.intervals["mae"][0] > 0 or each.intervals["mae"][1] < 0 for each in pairs)
    if clear == len(pairs):
        others = "the other model" if clear == 1 else f"each of the {clear} other models"
        return f"{text}, and is ahead of {others} by more than chance."
    if not clear:
        return f"{text}, but is ahead of no other by more than chance."
    return f"{text}, and is ahead of {clear} of the {len(pairs)} others by more than chance."


def cards(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value and small print of the figures to see first."""
    shown = []
    for key, name, unit in (
        ("mae", "MAE", " years"),
        ("median_error", "median error", " years"),
        ("cs5", "within 5 years (CS@5)", ""),
        ("macro_mae", "MAE, decades equal", " years"),
        ("bias", "bias", " years"),
    ):
        cell = tables.headline(figures, key)
        shown.append((name, cell.text + unit, f"95 %: {cell.small}" if cell.small else ""))
    failed, images = sum(figures.get("failures", {}).values()), figures.get("images", 0)
    share = failed / images if images else 0.0
    small = f"{tables.percent(share)}, {treatment(figures)}" if failed else "every image counts"
    shown.append(("failed", f"{failed:,} of {images:,}", small))
    return shown


def treatment(figures: dict[str, Any]) -> str:
    """What the figures do with failures, after "are"."""
    if figures.get("failures_as") != "training_mean":
        return "left out of every figure"
    mean = figures.get("training_mean")
    age = "" if mean is None else f", {tables.number(mean, 1)} years"
    return f"counted as if the model had said the training mean{age}"


def facts(figures: dict[str, Any]) -> list[str]:
    """n, failures and what is missing, a sentence each."""
    failed, images = sum(figures.get("failures", {}).values()), figures.get("images", 0)
    n = tables.number(figures["summary"]["n"], 0)
    told = [f"The figures are over {n} of {images:,} labelled images."]
    if failed:
        told.append(f"Failed, and {treatment(figures)}: {count_images(failed)}.")
    else:
        told.append("None failed.")
    if unlabelled := figures.get("unlabelled"):
        told.append(f"Left out for want of an age: {count_images(unlabelled)} more.")
    if extra := figures.get("extra_predictions"):
        told.append(f"Predictions for other images, ignored: {extra:,}.")
    if rejected := figures.get("rejected"):
        kinds = ", ".join(f"{count:,} {status}" for status, count in rejected.items())
        told.append(f"Rejected by prepare, and in no figure: {kinds}.")
    if implausible := figures.get("implausible"):
        told.append(f"No age that people reach: {implausible:,} predictions.")
    if rounds := figures.get("rounds"):
        groups = figures.get("n_groups")
        drawn = f" that draw {groups:,} groups of faces" if groups else " that draw faces"
        told.append(f"Intervals are from {rounds:,} bootstrap rounds{drawn}.")
    for column, count in figures.get("ungrouped", {}).items():
        told.append(f"Without a {column}, and so in none of its groups: {count_images(count)}.")
    return told


def count_images(count: int) -> str:
    """A number of images in words."""
    return f"{count:,} image{'' if count == 1 else 's'}"


def failures(evaluation: Evaluation) -> list[tuple[str, Sequence[str]]]:
    """Each kind of failure with its number, and its commonest reasons."""
    frame = evaluation.predictions
    failed = frame[frame["predicted"].isna()]
    found: list[tuple[str, Sequence[str]]] = []
    for status, count in evaluation.figures.get("failures", {}).items():
        reasons: list[str] = []
        if {"status", "reason"} <= set(failed):
            given = failed.loc[failed["status"] == status, "reason"].fillna("").astype(str)
            kinds = given[given != ""].value_counts()
            reasons = [f"{reason} ({n:,})" for reason, n in kinds.head(_REASONS).items()]
            if len(kinds) > _REASONS:
                reasons.append(f"and {len(kinds) - _REASONS:,} more reasons")
        found.append((f"{count:,} {status}", reasons))
    return found
