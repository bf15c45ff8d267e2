"""An evaluation, or several on the same data, as one HTML file that opens offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facelage._version import __version__
from facelage.errors import ConfigError, MissingDependencyError
from facelage.evaluate import html_tables as tables
from facelage.evaluate.html_pictures import (
    Picture,
    Pictures,
    over_common_faces,
    own_pictures,
    shared_pictures,
    slug,
)
from facelage.evaluate.html_tables import Table
from facelage.evaluate.html_words import (
    cards,
    count_images,
    facts,
    failures,
    title,
    treatment,
    verdict,
)
from facelage.evaluate.plots.contact import worst
from facelage.files import write_text

if TYPE_CHECKING:
    from facelage.evaluate.compare import Comparison, Difference
    from facelage.evaluate.corruptions import CorruptionResult
    from facelage.evaluate.run import Evaluation


@dataclass(frozen=True, slots=True)
class Section:
    """One model's part of the report."""

    name: str
    anchor: str
    facts: Sequence[str]
    failures: Sequence[tuple[str, Sequence[str]]]
    pictures: Sequence[Picture]
    tables: Sequence[Table]
    folded: Sequence[Table]


def write_report(
    evaluations: Sequence[Evaluation],
    folder: str | os.PathLike[str],
    *,
    comparison: Comparison | None = None,
    corruptions: CorruptionResult | None = None,
    root: str | os.PathLike[str] | None = None,
    faces: bool = True,
) -> Path:
    """Write ``report.html``, and its pictures as PNG files to ``plots/``.

    The report holds its pictures and styles, has no scripts and asks nothing of
    any server.

    Parameters
    ----------
    evaluations:
        One or more; the first is drawn in blue.
    folder:
        Made if missing. Files of the same names are replaced.
    comparison:
        Of the same evaluations: its table over common faces leads the report.
    corruptions:
        The same models on damaged faces.
    root:
        Folder that the columns ``crop`` and ``path`` start from; by default
        each evaluation's own ``root``.
    faces:
        Show the faces with the largest errors, where there is such a folder.
        They are part of the report then: leave them out of one that goes to
        people who may not see them.

    Returns
    -------
    pathlib.Path
        The report.

    Raises
    ------
    ConfigError
        If there are no evaluations.
    MissingDependencyError
        If jinja2 or matplotlib is not installed (extra ``report``).
    """
    if not evaluations:
        raise ConfigError("there is nothing to report", got="0 evaluations", expected="1 or more")
    template = _template()
    folder = Path(folder)
    names = _names(evaluations)
    # In pictures of several models a line is known by its name alone.
    named = [replace(each, model=name) for each, name in zip(evaluations, names, strict=True)]
    pictures = Pictures(folder / "plots")
    context: dict[str, Any] = {
        "title": title(evaluations),
        "verdict": verdict(named, comparison),
        "pictures": shared_pictures(pictures, over_common_faces(named), corruptions),
        "sections": [
            _section(pictures, each, name, place if len(evaluations) > 1 else 0, root, faces)
            for place, (each, name) in enumerate(zip(evaluations, names, strict=True), 1)
        ],
        "version": __version__,
        "cards": cards(evaluations[0].figures) if len(evaluations) == 1 else [],
        "tables": _leading_tables(named, comparison),
        "folded": [],
    }
    if comparison is not None:
        others = _pairs(comparison, with_best=False)
        if others:
            context["folded"].append(tables.differences_table("All other pairs", others))
    if corruptions is not None:
        context["folded"].append(tables.corruptions_table(corruptions.table))
    path = folder / "report.html"
    write_text(path, template.render(context))
    return path


def _leading_tables(
    evaluations: Sequence[Evaluation], comparison: Comparison | None
) -> list[Table]:
    """The tables above all pictures; the evaluations have names of their own."""
    figures = [each.figures for each in evaluations]
    if len(evaluations) == 1:
        return [tables.headline_table(figures[0])]
    if comparison is None:
        shown = [tables.models_table(figures, [each.model for each in evaluations], "")]
    else:
        over = f"Over the {comparison.n:,} faces that count for every model."
        rows = comparison.table
        shown = [tables.models_table(rows, [row["model"] for row in rows], over)]
    treatments = {treatment(each) for each in figures}
    note = (
        f"Failures are {treatments.pop()}."
        if len(treatments) == 1
        else "Failures are treated differently: each model's part says how."
    )
    missing = [(each.model, each.figures, failures(each)) for each in evaluations]
    if comparison is not None and (pairs := _pairs(comparison, with_best=True)):
        best = _best(comparison)
        shown.append(tables.differences_table(f"{best} and the others", pairs))
    shown.append(tables.failures_table(missing, note))
    return shown


def _best(comparison: Comparison) -> str:
    return str(min(comparison.table, key=lambda row: float(row["summary"]["mae"]))["model"])


def _pairs(comparison: Comparison, *, with_best: bool) -> list[Difference]:
    best = _best(comparison)
    return [each for each in comparison.differences if (best in (each.a, each.b)) == with_best]


def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingDependencyError(
            "the report can't be written",
            got="no package 'jinja2'",
            fix="pip install 'facelage[report]'",
        ) from error
    source = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    # Everything that is not the template's own is escaped.
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _names(evaluations: Sequence[Evaluation]) -> list[str]:
    """A name for each: the model, with the data where that differs."""
    several = len({each.data for each in evaluations}) > 1
    return [f"{each.model}, {each.data}" if several else each.model for each in evaluations]


def _section(
    pictures: Pictures,
    evaluation: Evaluation,
    name: str,
    number: int,
    root: str | os.PathLike[str] | None,
    faces: bool,
) -> Section:
    """The plots and tables of one model; `number` is 0 where there is no other."""
    figures = evaluation.figures
    end = f"-{number}-{slug(name, 40)}".rstrip("-") if number else ""
    flat = [
        tables.summaries_table("By stage of life", "stage", figures.get("by_life_stage", {})),
        tables.summaries_table("By decade", "true age", figures.get("by_decade", {})),
    ]
    for column, rows in figures.get("by_group", {}).items():
        empty = figures.get("empty_groups", {}).get(column, {})
        note = (
            "Without any prediction: "
            + ", ".join(f"{value} ({count_images(count)})" for value, count in empty.items())
            + "."
            if empty
            else ""
        )
        flat.append(tables.summaries_table(f"By {column}", column, rows, note))
    if figures.get("coverage"):
        flat.append(tables.coverage_table(figures["coverage"]))
    folded = []
    if "thresholds" in figures:
        folded.append(tables.thresholds_table(figures["thresholds"]))
    folded.append(tables.summaries_table("By year of age", "true age", figures.get("by_age", {})))
    if evaluation.predictions["predicted"].notna().any():
        folded.append(tables.worst_table(worst(evaluation, 20)))
    return Section(
        name,
        f"model-{number}",
        facts(figures),
        failures(evaluation),
        own_pictures(pictures, evaluation, end, root, faces),
        [table for table in flat if table.rows],
        [table for table in folded if table.rows],
    )
