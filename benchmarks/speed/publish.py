"""The speed page's table and picture, from what predict.py wrote.

    python benchmarks/speed/publish.py speed/speed.json

writes docs/speed.md (the tables) and docs/_static/plots/speed.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from facelage.evaluate.plots.style import MUTED, PALETTE, new_figure, styled
from facelage.files import write_atomically, write_text

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figures", type=Path, help="speed.json; speed.md lies beside it")
    arguments = parser.parse_args()
    figures = json.loads(arguments.figures.read_text(encoding="utf-8"))
    text = arguments.figures.with_suffix(".md").read_text(encoding="utf-8")
    write_text(DOCS / "speed.md", text.partition("\n\n")[2])  # the page has a title of its own
    figure = bars(figures["sections"], figures["machine"][0])
    write_atomically(
        DOCS / "_static" / "plots" / "speed.png",
        lambda path: figure.savefig(path, dpi=160, format="png"),
    )


@styled
def bars(sections: list[dict[str, Any]], machine: str) -> Any:
    """One panel a table that compares: milliseconds, facelage in colour."""
    compared = [s for s in sections if any(row["ratio"] for row in s["rows"])]
    counts = [len(section["rows"]) for section in compared]
    figure = new_figure(
        0.24 * sum(counts) + 0.62 * len(counts), "How long an age takes", f"medians; {machine}"
    )
    panels = figure.subplots(len(compared), 1, squeeze=False, height_ratios=[n + 1 for n in counts])
    for axes, section in zip(panels[:, 0], compared, strict=True):
        rows = section["rows"][::-1]
        names = [row["name"] for row in rows]
        values = [row["ms_median"] for row in rows]
        compares = not any("facelage" in name for name in names)
        ours = [compares or "facelage" in name or "the same" in name for name in names]
        axes.barh(names, values, color=[PALETTE[0] if own else MUTED for own in ours], height=0.7)
        axes.set_xlim(0, max(values) * 1.15)
        for place, value in enumerate(values):
            label = f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"
            axes.text(value + 0.01 * max(values), place, label, va="center", fontsize=7.5)
        axes.set_title(section["title"], loc="right")  # there is room on the left of it
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter("{x:g}")
    panels[-1, 0].set_xlabel("milliseconds")
    return figure


if __name__ == "__main__":
    main()
