"""The model card's tables, docs/figures.md, from evaluations. For release_weights.py."""

from __future__ import annotations

from cells import with_interval

from facelage.evaluate import Evaluation

TITLES = {
    "utkface, test split": "UTKFace, test split",
    "aaf, test split": "All-Age-Faces, test split",
    "lfw, test split": "LFW, test split",
    "appa_real_dev": "APPA-REAL",
    "frl_london": "London",
}
#: Title, key, scale, digits, and whether zero is in the middle.
FIGURES = (
    ("MAE, years", "mae", 1, 2, False),
    ("bias, years", "bias", 1, 2, True),
    ("CS@5, %", "cs5", 100, 1, False),
    ("CS@10, %", "cs10", 100, 1, False),
    ("top-1, %", "top1", 100, 1, False),
    ("MSE, years²", "mse", 1, 1, False),
)


def markdown(results: list[Evaluation]) -> str:
    lines = ["<!-- written by benchmarks/accuracy/release_weights.py -->", ""]
    lines += [*overall(results), "", *coverage(results)]
    for result in results:
        tables = {"decade": result.figures["by_decade"], **result.figures["by_group"]}
        for title, rows in tables.items():
            lines += ["", f"**{TITLES[result.data]}, by {title}**", ""]
            lines += [f"| {title} | n | MAE | bias | CS@5, % |", "|---|---|---|---|---|"]
            for name, row in rows.items():
                few = " (few)" if row["n"] < 30 else ""
                lines.append(
                    f"| {name}{few} | {row['n']:.0f} | {row['mae']:.2f} | {row['bias']:+.2f} "
                    f"| {row['cs5'] * 100:.1f} |"
                )
    return "\n".join(lines) + "\n"


def overall(results: list[Evaluation]) -> list[str]:
    """A column for each set, since a row of so many intervals would not fit a page."""
    titles = [TITLES[result.data] for result in results]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(results) + 1) + "|"]
    counts = [f"{result.figures['summary']['n']:,.0f}" for result in results]
    lines.append("| faces | " + " | ".join(counts) + " |")
    for title, key, scale, digits, sign in FIGURES:
        cells = [title]
        for result in results:
            ends = [end * scale for end in result.figures["intervals"][key]]
            value = result.figures["summary"][key] * scale
            cells.append(with_interval(value, ends, digits, sign=sign))
        lines.append("| " + " | ".join(cells) + " |")
    failed = [
        f"{number:,} of {TITLES[result.data]}'s {result.figures['images']:,} photos ({status})"
        # In the prepared splits `prepare` has found every face beforehand.
        for result in results
        for status, number in result.figures["failures"].items()
    ]
    lines += ["", "The test splits hold the faces that `prepare` kept; what it rejected (see the"]
    lines += ["counts above) is in none."]
    if failed:
        lines[-1] += f" {', '.join(failed)} gave no age."
    return lines


def coverage(results: list[Evaluation]) -> list[str]:
    """How often the intervals that are to hold 90 % of the true ages hold them."""
    lines = ["**90 % intervals: share of true ages inside, and median width**", ""]
    decades = [*(f"{start}-{start + 9}" for start in range(0, 90, 10)), "90+"]
    lines.append("| faces | all, % | width, years | " + " | ".join(decades) + " |")
    lines.append("|---" * (len(decades) + 3) + "|")
    for result in results:
        found = result.figures["coverage"]
        each = [
            f"{found['by_decade'][name]['share'] * 100:.0f}" if name in found["by_decade"] else "-"
            for name in decades
        ]
        cells = [TITLES[result.data], f"{found['share'] * 100:.1f}"]
        cells += [f"{found['median_width']:.1f}", *each]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
