"""The tables of an HTML report, as plain text cells: the template only sets them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facelage.evaluate.plots.style import DASH, MINUS
from facelage.metrics.groups import FEW

if TYPE_CHECKING:
    import pandas as pd

    from facelage.evaluate.compare import Difference

#: Key, name, unit, factor, decimals, whether it has a sign, what it says.
HEADLINES = (
    ("mae", "MAE", "years", 1, 2, False, "mean absolute error"),
    ("median_error", "median error", "years", 1, 2, False, "half of the faces are closer"),
    ("macro_mae", "macro MAE", "years", 1, 2, False, "mean over decades: each counts the same"),
    ("rmse", "RMSE", "years", 1, 2, False, "root of the mean squared error"),
    ("mse", "MSE", "years²", 1, 1, False, "mean squared error: large errors count more"),
    ("bias", "bias", "years", 1, 2, True, "mean of predicted minus true: above 0 is too old"),
    ("cs5", "CS@5", "%", 100, 1, False, "share of faces within 5 years"),
    ("cs10", "CS@10", "%", 100, 1, False, "share of faces within 10 years"),
    ("top1", "top-1", "%", 100, 1, False, "share with the right age, rounded to a year"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, with a second smaller line, and whether it stands back."""

    text: str
    small: str = ""
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first column names the row."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    words: bool = False  # the last column holds sentences
    stacks: bool = False  # on a phone each row is a card, so that no column is out of sight


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A number for people: thousands apart, a real minus; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def percent(share: float | None, decimals: int = 1) -> str:
    """A share (0..1) in per cent."""
    text = number(None if share is None else 100 * share, decimals)
    return text if text == DASH else f"{text} %"


def headline(figures: Mapping[str, Any], key: str) -> Cell:
    """A headline figure, its 95 % interval as the small line."""
    _, _, unit, factor, decimals, signed, _ = next(row for row in HEADLINES if row[0] == key)
    if key == "macro_mae":
        value, ends = figures.get("macro_mae"), figures.get("macro_mae_interval")
    else:
        value, ends = figures["summary"].get(key), figures.get("intervals", {}).get(key)
    text = number(None if value is None else value * factor, decimals, signed=signed)
    if unit == "%" and text != DASH:
        text += " %"
    small = ""
    if ends and None not in ends:
        small = " to ".join(number(end * factor, decimals, signed=signed) for end in ends)
    return Cell(text, small)


def headline_table(figures: Mapping[str, Any]) -> Table:
    """Every headline figure of one model with its interval, n and what it says."""
    n = number(figures["summary"]["n"], 0)
    rows = []
    for key, name, unit, *_, says in HEADLINES:
        cell = headline(figures, key)
        title = name if unit == "%" else f"{name}, {unit}"
        rows.append([Cell(title), Cell(cell.text), Cell(cell.small), Cell(n), Cell(says)])
    head = ("figure", "value", "95 % interval", "faces", "what it says")
    return Table("All figures", head, rows, words=True, stacks=True)


def models_table(figures: Sequence[Mapping[str, Any]], names: Sequence[str], note: str) -> Table:
    """Headline figures with intervals, one row a model, the lowest MAE first."""
    keys = ("mae", "cs5", "cs10", "median_error", "macro_mae", "mse", "bias", "top1")
    named = {row[0]: row[1] for row in HEADLINES}
    rows = [
        [
            Cell(name),
            Cell(number(each["summary"]["n"], 0)),
            Cell(number(sum(each.get("failures", {}).values()), 0)),
            *(headline(each, key) for key in keys),
        ]
        for each, name in sorted(
            zip(figures, names, strict=True), key=lambda pair: pair[0]["summary"]["mae"]
        )
    ]
    head = ("model", "faces", "failed", *(named[key] for key in keys))
    note += " In small print: 95 % bootstrap intervals. Errors in years, MSE in years²."
    return Table("The models, lowest MAE first", head, rows, note.strip(), stacks=True)


def differences_table(caption: str, differences: Iterable[Difference]) -> Table:
    """What separates pairs of models, with paired intervals."""
    rows = []
    for each in differences:
        shares = [100 * share for share in each.intervals["cs5"]]
        rows.append(
            [
                Cell(f"{each.a} minus {each.b}"),
                Cell(_verdict(*each.intervals["mae"])),
                Cell(
                    number(each.figures["mae"], signed=True),
                    " to ".join(number(end, signed=True) for end in each.intervals["mae"]),
                ),
                Cell(
                    number(100 * each.figures["cs5"], 1, signed=True),
                    " to ".join(number(end, 1, signed=True) for end in shares),
                ),
            ]
        )
    head = ("pair", "verdict, by MAE", "MAE, years", "CS@5, % points")
    note = (
        "In small print: 95 % intervals (paired bootstrap: the same faces for both). "
        "Where one holds 0, chance may be all there is to it."
    )
    return Table(caption, head, rows, note, stacks=True)


def _verdict(low: float, high: float) -> str:
    """Which of a pair is better, from the interval of the first's MAE minus the second's."""
    return "first better" if high < 0 else "second better" if low > 0 else "no clear difference"


def failures_table(
    rows: Iterable[tuple[str, Mapping[str, Any], Sequence[tuple[str, Sequence[str]]]]], note: str
) -> Table:
    """Where models failed: name, figures, and each kind of failure with its reasons."""
    lines = []
    for name, figures, kinds in rows:
        told = [f"{kind}: {'; '.join(reasons)}" if reasons else kind for kind, reasons in kinds]
        lines.append(
            [
                Cell(name),
                Cell(number(figures["images"], 0)),
                Cell(number(figures["summary"]["n"], 0)),
                Cell(number(sum(figures.get("failures", {}).values()), 0)),
                Cell(". ".join(told) or DASH),
            ]
        )
    head = ("model", "labelled images", "counted", "failed", "how")
    return Table("Failures", head, lines, note, words=True, stacks=True)


def summaries_table(
    caption: str, column: str, rows: Mapping[str, Mapping[str, Any]], note: str = ""
) -> Table:
    """One row an age, a decade, a stage of life or a group.

    Groups, whose rows have a ``few``, come with their distance to the best one.
    """
    grouped = any("few" in row for row in rows.values())
    # With failures counted as the training mean, nobody is missing from n.
    failed = any(row.get("images", row["n"]) > row["n"] for row in rows.values())
    lines = []
    for name, row in rows.items():
        few = bool(row.get("few", row["n"] < FEW))
        line = [Cell(name, "few faces" if few else "", few), Cell(number(row["n"], 0))]
        if failed:
            line.append(Cell(number(row.get("images", row["n"]) - row["n"], 0)))
        line.append(Cell(number(row["mae"])))
        if grouped:
            line.append(Cell(number(row.get("mae_difference"), signed=True)))
            line.append(Cell(number(row.get("mae_ratio"))))
        line += [
            Cell(number(row["median_error"])),
            Cell(number(row["bias"], signed=True)),
            Cell(percent(row["cs5"])),
            Cell(percent(row["cs10"])),
        ]
        lines.append(line)
    head = [column, "faces", *["failed"] * failed, "MAE"]
    head += ["above best", "times best"] * grouped
    head += ["median", "bias", "CS@5", "CS@10"]
    if grouped:
        note = (
            "Best is the group with the lowest MAE among those of 30 faces or more; "
            f"groups under 30 faces are marked, as they say little. {note}"
        )
    return Table(caption, head, lines, note.strip())


def thresholds_table(thresholds: Mapping[str, Any]) -> Table:
    """Error rates of an age check by challenge age."""
    legal = f"{thresholds['legal_age']:g}"
    return Table(
        f"Age check for {legal}",
        ("challenge age", f"under {legal}, not challenged", f"{legal} or older, challenged"),
        [
            [
                Cell(age),
                Cell(percent(row["false_positive_rate"])),
                Cell(percent(row["false_negative_rate"])),
            ]
            for age, row in thresholds["challenge"].items()
        ],
        f"{number(thresholds['n_under'], 0)} faces under {legal} (false positive rate), "
        f"{number(thresholds['n_over'], 0)} of {legal} or older (false negative rate). "
        "Whoever is estimated younger than the challenge age is challenged.",
    )


def coverage_table(coverage: Mapping[str, Any]) -> Table:
    """How often the intervals hold the true age, by decade."""
    rows = [
        [
            Cell(name, "few faces" if row["n"] < FEW else ""),
            Cell(number(row["n"], 0)),
            Cell(percent(row["share"])),
            Cell(number(row["median_width"], 1)),
        ]
        for name, row in coverage["by_decade"].items()
    ]
    rows.append(
        [
            Cell("all"),
            Cell(number(sum(row["n"] for row in coverage["by_decade"].values()), 0)),
            Cell(percent(coverage["share"])),
            Cell(number(coverage["median_width"], 1)),
        ]
    )
    return Table(
        f"Intervals that promise {percent(coverage['nominal'], 0)}",
        ("true age", "faces", "hold the true age", "median width, years"),
        rows,
    )


def corruptions_table(table: pd.DataFrame) -> Table:
    """MAE of each model and corruption by severity."""
    severities = sorted(int(step) for step in table["severity"].unique() if step > 0)
    clean = table[table["severity"] == 0].set_index("model")["mae"]
    damaged = table[table["severity"] > 0]
    maes = damaged.set_index(["model", "corruption", "severity"])["mae"].to_dict()
    pairs = damaged[["model", "corruption"]].drop_duplicates().itertuples(index=False)
    rows = [
        [
            Cell(str(kind).replace("_", " ")),
            Cell(str(model)),
            Cell(number(clean.get(model))),
            *(Cell(number(maes.get((model, kind, step)))) for step in severities),
        ]
        for model, kind in sorted(pairs, key=lambda pair: str(pair[1]))
    ]
    failed = int(table["failures"].max()) if "failures" in table else 0
    return Table(
        "MAE in years by severity",
        ("corruption", "model", "undamaged", *(f"{step}" for step in severities)),
        rows,
        f"{number(table['n'].max(), 0)} faces; failed at most {number(failed, 0)}.",
    )


def worst_table(rows: pd.DataFrame) -> Table:
    """The files behind the contact sheet."""
    return Table(
        "Files of the largest errors",
        ("true", "predicted", "error", "file"),
        [
            [
                Cell(number(row["age"], 0)),
                Cell(number(row["predicted"], 1)),
                Cell(number(row["error"], 1, signed=True)),
                Cell(str(row.get("path", ""))),
            ]
            for _, row in rows.iterrows()
        ],
    )
