"""What a set of faces looks like: counts, ages, and both as text and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.data.duplicates import NEAR_DUPLICATES
from facelage.data.manifest import MAX_AGE
from facelage.errors import MissingDependencyError
from facelage.files import write_atomically

if TYPE_CHECKING:
    from facelage.data.manifest import Manifest


def age_histogram(ages: ArrayLike, width: float = 5.0) -> tuple[NDArray[np.int64], list[float]]:
    """Counts per age band of `width` years from 0, and the bands' lower ends.

    Ages that are unknown, below 0 or above 122 are in no band.
    """
    known = _possible(ages)
    top = max(width, (np.floor(known.max() / width) + 1) * width) if len(known) else width
    edges = np.arange(0.0, top + width / 2, width)
    counts, _ = np.histogram(known, edges)
    return counts.astype(np.int64), [float(edge) for edge in edges[:-1]]


def _possible(ages: ArrayLike) -> NDArray[np.float64]:
    """Without NaN and what can't be an age: a year or a timestamp would make millions of bands."""
    years = np.asarray(ages, np.float64)
    return years[(years >= 0) & (years <= MAX_AGE)]


def label_differences(manifest: Manifest) -> NDArray[np.float64]:
    """How far apart the labels of one picture are: a look at the labels' own error.

    Returns
    -------
    numpy.ndarray
        float64, one number for each picture that is there more than once with an age
        (copies of one file, and near-duplicates): the mean difference of two of its ages,
        in years. No model can tell which of them is right, so that the error measured on
        such labels has a floor that is not its own.
    """
    frame = manifest.frame
    frame = frame[frame["status"].isin(["ok", "exact_duplicate"]) & frame["age"].notna()]
    # Groups are people too, unless their name says that they are pictures.
    near = frame[frame["group"].str.startswith(NEAR_DUPLICATES)]
    group_of = dict(zip(near["sha256"], near["group"], strict=True))
    ages_of: dict[str, list[float]] = {}
    for sha256, age in zip(frame["sha256"], frame["age"], strict=True):
        if sha256:
            ages_of.setdefault(group_of.get(sha256, sha256), []).append(age)
    means = []
    for ages in ages_of.values():
        if (n := len(ages)) > 1:
            years = np.asarray(ages, np.float64)
            means.append(np.abs(years[:, None] - years[None, :]).sum() / (n * (n - 1)))
    return np.asarray(means, np.float64)


def describe(manifest: Manifest) -> dict[str, Any]:
    """Counts per status and split, and age figures, as plain data for JSON."""
    frame = manifest.frame
    kept = manifest.usable()
    ages = kept.ages()
    known = ages[~np.isnan(ages)]
    groups = kept.frame["group"]
    differences = label_differences(manifest)
    return {
        "images": len(frame),
        "kept": len(kept),
        "status": {str(k): int(v) for k, v in frame["status"].value_counts().items()},
        "split": {str(k) or "none": int(v) for k, v in kept.frame["split"].value_counts().items()},
        "grouped_images": int((groups != "").sum()),
        "groups": int(groups[groups != ""].nunique()),
        "age": {
            "mean": float(known.mean()),
            "median": float(np.median(known)),
            "min": float(known.min()),
            "max": float(known.max()),
        }
        if len(known)
        else None,
        "repeated_pictures": {
            "pictures": len(differences),
            "label_difference": float(differences.mean()),
            "same_label": float((differences == 0).mean()),
        }
        if len(differences)
        else None,
    }


def text_report(manifest: Manifest) -> str:
    """Counts per status and an age histogram before and after filtering, as text."""
    facts = describe(manifest)
    lines = [f"{facts['images']} images, {facts['kept']} kept", ""]
    for status, count in sorted(facts["status"].items(), key=lambda item: -item[1]):
        lines.append(f"  {status:<16}{count:>8}  {count / max(1, facts['images']):7.2%}")
    if facts["split"]:
        parts = ", ".join(f"{name} {count}" for name, count in sorted(facts["split"].items()))
        lines += ["", f"splits: {parts}"]
    if facts["groups"]:
        lines.append(f"groups: {facts['grouped_images']} images in {facts['groups']} groups")
    if facts["age"]:
        age = facts["age"]
        lines.append(
            f"age: mean {age['mean']:.1f}, median {age['median']:g}, "
            f"{age['min']:g} to {age['max']:g} years"
        )
    if again := facts["repeated_pictures"]:
        lines.append(
            f"labels: {again['pictures']} pictures are there more than once, their ages "
            f"{again['label_difference']:.1f} years apart on average, "
            f"the same for {again['same_label']:.0%}"
        )
    before, bands = age_histogram(manifest.ages())
    after, _ = age_histogram(manifest.usable().ages())
    after = np.pad(after, (0, len(before) - len(after)))
    scale = 40 / max(1, int(before.max(initial=1)))
    lines += ["", f"  {'years':<9}{'before':>8}{'after':>8}"]
    for band, count_before, count_after in zip(bands, before, after, strict=True):
        kept_bar = "#" * round(count_after * scale)
        lost_bar = "." * (round(count_before * scale) - len(kept_bar))
        label = f"{band:.0f}-{band + 4:.0f}"
        lines.append(f"  {label:<9}{count_before:>8}{count_after:>8}  {kept_bar}{lost_bar}")
    if outside := int((~np.isnan(manifest.ages())).sum() - before.sum()):
        lines.append(f"  {'outside':<9}{outside:>8}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def plot_ages(
    before: ArrayLike,
    after: ArrayLike,
    path: str | os.PathLike[str],
    *,
    title: str = "Age distribution",
    labels: Sequence[str] = ("all images", "kept"),
) -> None:
    """Draw two age distributions over each other into a PNG.

    Raises
    ------
    MissingDependencyError
        If matplotlib (extra ``plots``) is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "plots need matplotlib", got=str(error), fix="pip install 'facelage[plots]'"
        ) from error
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    top = max(10.0, float(_possible(before).max(initial=0.0)) + 2)
    edges = np.arange(0, top, 2)
    # Colours of the Okabe-Ito set, which colour-blind readers can tell apart.
    for ages, label, style in (
        (before, labels[0], {"color": "#E69F00", "alpha": 0.55}),
        (after, labels[1], {"color": "#0072B2", "histtype": "step", "linewidth": 1.8}),
    ):
        known = _possible(ages)
        axes.hist(known, bins=list(edges), label=f"{label} (n = {len(known):,})", **style)  # type: ignore[arg-type]
    axes.set_xlabel("age, years")
    axes.set_ylabel("images per 2 years")
    axes.set_title(title)
    axes.set_xlim(0, top)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    write_atomically(Path(path), lambda temporary: figure.savefig(temporary, dpi=150))
