"""``facelage predict``: the ages of the faces in photos."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelage.cli.options import (
    detector_option,
    echo_file,
    format_option,
    progress_option,
    table,
)

if TYPE_CHECKING:
    from facelage.infer import ImageResult


@click.command("predict")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", help="Name of the weights, or an .onnx file.  [default: newest]")
@detector_option
@format_option
@click.option("--annotate", type=click.Path(path_type=Path), help="Folder for photos with ages.")
@click.option(
    "--batch-size",
    type=int,
    help="Photos whose faces go to the network together.  [default: 32, with several workers 2]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Threads that read photos and find faces.  [default: one a core, at most 8]",
)
@click.option(
    "--threads", type=int, help="CPU threads of the network.  [default: 1 with several workers]"
)
@click.option("--flip", is_flag=True, help="Mean of each face and its mirror image; takes longer.")
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="How often the interval beside an age is to hold the true one.",
)
@progress_option
def command(
    images: tuple[Path, ...],
    model: str | None,
    detector: str | None,
    output: str,
    annotate: Path | None,
    batch_size: int | None,
    workers: int | None,
    threads: int | None,
    flip: bool,
    coverage: float,
    progress: bool,
) -> None:
    """Tell the age of every face in IMAGES (files, or folders searched for images).

    Exit code 0 if every image could be read, else 3; an image without a face is
    no error.
    """
    from facelage.data.images import list_images, save_image
    from facelage.errors import ImageError
    from facelage.infer import AgePredictor
    from facelage.infer.parallel import usable_cores

    files = [file for path in images for file in (list_images(path) if path.is_dir() else [path])]
    workers = min(workers or min(usable_cores(), 8), max(1, len(files)))
    if threads is None and workers > 1:
        threads = 1
    predictor = AgePredictor.from_pretrained(model, detector=detector, threads=threads, flip=flip)
    if annotate is not None:
        _spare_originals(files, annotate)
    rows: list[dict[str, Any]] = []
    # Rows of CSV go out at once, so that an interruption loses none of those that are there.
    keep = _csv_writer() if output == "csv" else rows.append
    statuses: Counter[str] = Counter()
    written: set[Path] = set()
    # Closed at once, an interrupted run does not go on with the photos that are waiting.
    answers = predictor.iter_predict(
        files, batch_size=batch_size, workers=workers, coverage=coverage
    )
    with closing(answers) as results:
        shown: Iterable[ImageResult] = results
        if progress and len(files) > 1:
            from tqdm import tqdm

            shown = tqdm(results, total=len(files), unit="img", desc="predict")
        for file, result in zip(files, shown, strict=True):
            statuses[result.status] += 1
            keep({"path": file.as_posix(), **result.to_dict()})
            if annotate is not None and result.status != "unreadable":
                target = _free_name(annotate / f"{file.stem}.jpg", written)
                try:
                    save_image(target, predictor.annotate(file, result.faces))
                    written.add(target)
                except ImageError as error:  # such as too wide for JPEG: the ages are still told
                    click.echo(f"{file}: not drawn; {error}", err=True)
    if annotate is not None and written:
        echo_file(next(iter(written)) if len(written) == 1 else annotate)
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif output == "table":
        click.echo(_table(rows, f"{100 * coverage:g}%"))
    if len(files) > 1:
        counts = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
        click.echo(f"{len(files)} images: {counts}", err=True)
    if statuses["unreadable"]:
        sys.exit(3)


def _spare_originals(files: list[Path], annotate: Path) -> None:
    """Refuse a folder for drawn photos in which one of them would replace an original.

    In a folder of originals, whatever is there may be one, also where it is not among `files`.
    """
    from facelage.errors import ConfigError

    there = {target for file in files if (target := annotate / f"{file.stem}.jpg").exists()}
    if not there:
        return

    def identity(path: Path) -> tuple[int, int]:
        found = path.stat()
        return found.st_dev, found.st_ino

    given = [file for file in files if file.exists()]
    album = identity(annotate) in {identity(folder) for folder in {file.parent for file in given}}
    own = {identity(file) for file in given}
    originals = [each for each in there if album or each.is_symlink() or identity(each) in own]
    if originals:
        raise ConfigError(
            "a drawn photo would replace an original",
            got=f"--annotate {annotate}, which holds {min(originals)}",
            fix="a folder of its own for --annotate",
        )


def _free_name(path: Path, taken: set[Path]) -> Path:
    """`path`, or `path` with a number where photos of one name come from several folders."""
    candidate, number = path, 2
    while candidate in taken:
        candidate, number = path.with_stem(f"{path.stem}_{number}"), number + 1
    return candidate


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a face; an image without faces keeps one row, which says why."""
    flat = []
    for row in rows:
        base = {"path": row["path"], "status": row["status"]}
        for number, face in enumerate(row["faces"], start=1):
            flat.append({**base, "face": number, **face, "error": ""})
        if not row["faces"]:
            flat.append({**base, "error": row["error"] or ""})
    return flat


def _csv_writer() -> Callable[[dict[str, Any]], None]:
    """What prints an image's rows, and the head before the first."""
    names = ["path", "status", "face", "age", "left", "top", "right", "bottom", "score"]
    names += ["detector", "model", "error", "low", "high", "coverage"]
    writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
    begun = False

    def write(image: dict[str, Any]) -> None:
        nonlocal begun
        if not begun:
            writer.writeheader()
            begun = True
        for row in _flat([image]):
            edges = zip(("left", "top", "right", "bottom"), row.get("box") or (), strict=False)
            ends = zip(("low", "high"), row.get("interval") or (), strict=False)
            writer.writerow({**row, **dict(ends), **dict(edges)})
        sys.stdout.flush()

    return write


def _table(rows: list[dict[str, Any]], interval: str) -> str:
    """One line a face; its interval in a column of that name."""
    lines: list[dict[str, str]] = []
    for row in _flat(rows):
        box, ends = row.get("box"), row.get("interval")
        lines.append(
            {
                "image": row["path"],
                "age": f"{row['age']:.1f}" if "age" in row else "",
                interval: f"{ends[0]:.0f}-{ends[1]:.0f}" if ends else "",
                "face": " ".join(f"{edge:.0f}" for edge in box) if box else "",
                "score": f"{row['score']:.2f}" if row.get("score") is not None else "",
                "detector": row.get("detector", ""),
                # The problem alone; the other formats hold what was got and how to fix it.
                "note": row["error"].partition("; ")[0]
                or ("" if row["status"] == "ok" else row["status"]),
            }
        )
    if not any(line[interval] for line in lines):  # a model without a calibration
        for line in lines:
            del line[interval]
    return table(lines)
