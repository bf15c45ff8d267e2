"""Jobs in turn, so that a machine that slows down slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """Something to time: `run` handles `count` items."""

    name: str
    run: Callable[[], Any]
    count: int = 1


@dataclass(frozen=True)
class Section:
    """A table of the report.

    Each row of `ms` holds milliseconds an item, one a round; `ratios` are against
    the row named there, the median over rounds of (its time / the row's time):
    above 1, the row is faster.
    """

    title: str
    ms: dict[str, list[float]]
    against: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(self.ms[name])

    def ratio(self, name: str) -> float | None:
        other = self.against.get(name)
        if other is None or other not in self.ms:
            return None
        pairs = zip(self.ms[other], self.ms[name], strict=True)
        return statistics.median(theirs / own for theirs, own in pairs)


def interleaved(jobs: Sequence[Job], rounds: int) -> dict[str, list[float]]:
    """Milliseconds an item of each job, one a round, after one run that is not counted.

    Each round begins with another job: what runs first after a pause is not always
    the same.
    """
    for job in jobs:
        job.run()
    times: dict[str, list[float]] = {job.name: [] for job in jobs}
    for number in range(rounds):
        start = number % len(jobs)
        for job in [*jobs[start:], *jobs[:start]]:
            began = time.perf_counter()
            job.run()
            times[job.name].append((time.perf_counter() - began) * 1e3 / job.count)
    return times


def markdown(sections: Sequence[Section]) -> str:
    """The tables, a heading each."""
    lines: list[str] = []
    for section in sections:
        lines += [f"## {section.title}", ""]
        if section.ms:
            lines += ["| what | ms, median | ms, fastest | times as fast as |", "|---|---|---|---|"]
            for name, times in section.ms.items():
                ratio = section.ratio(name)
                versus = "" if ratio is None else f"{ratio:.2f} x {section.against[name]}"
                lines.append(
                    f"| {name} | {section.median(name):.2f} | {min(times):.2f} | {versus} |"
                )
            lines.append("")
        lines += [f"- {note}" for note in section.notes]
        lines += [""] if section.notes else []
    return "\n".join(lines)


def plain(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The tables as plain data for JSON, every round included."""
    return [
        {
            "title": section.title,
            "rows": [
                {
                    "name": name,
                    "ms_median": round(section.median(name), 4),
                    "ms": [round(value, 4) for value in times],
                    "against": section.against.get(name),
                    "ratio": section.ratio(name),
                }
                for name, times in section.ms.items()
            ],
            "notes": section.notes,
        }
        for section in sections
    ]
