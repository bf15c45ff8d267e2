"""From a folder of photos to aligned crops, a manifest and a report.

The folder that is written holds ``crops/``, ``manifest.csv``, ``report.txt``,
``report.json``, ``ages.png`` (with the extra ``plots``) and ``prepare.json``,
the settings. ``progress.jsonl`` collects the finished images, so that an
interrupted run goes on where it stopped and ends with the same files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import cv2

from facelage.data.align import CropSpec, align, check_pad, whole_image
from facelage.data.detect import DetectorLike, FaceDetector, resolve_detector
from facelage.data.duplicates import mark_duplicates, perceptual_hash
from facelage.data.filters import (
    FilterConfig,
    Status,
    check_faces,
    check_label,
    check_sharpness,
)
from facelage.data.images import load_image, save_image
from facelage.data.manifest import Manifest, format_numbers
from facelage.data.splits import assign_splits, check_seed, check_shares
from facelage.data.stats import describe, plot_ages, text_report
from facelage.errors import (
    ConfigError,
    DetectorError,
    FacelageWarning,
    ImageError,
    ManifestError,
    MissingDependencyError,
    WorkerError,
)
from facelage.files import sha256, write_text


@dataclass(frozen=True, slots=True)
class PrepareConfig:
    """Settings of :func:`prepare`.

    Attributes
    ----------
    filters:
        Limits of the checks.
    crop:
        The crop that faces are cut to.
    pad:
        Extra pixels around each crop, for shifts and turns in training.
    val, test, seed:
        Shares and seed of the splits; see :func:`facelage.data.splits.assign_splits`.
    """

    filters: FilterConfig = field(default_factory=FilterConfig)
    crop: CropSpec = field(default_factory=CropSpec)
    pad: int = 16
    val: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        # At once, not after an hour's work.
        check_shares(self.val, self.test)
        check_seed(self.seed)
        check_pad(self.pad, self.crop)


def prepare(
    manifest: Manifest,
    out: str | os.PathLike[str],
    config: PrepareConfig | None = None,
    *,
    detector: DetectorLike = "auto",
    workers: int | None = None,
    progress: bool = True,
) -> Manifest:
    """Check, align and split the images of `manifest` into the folder `out`.

    Parameters
    ----------
    manifest:
        Paths and ages, from :mod:`facelage.data.readers`. If any row has a
        split already, the splits stay as they are given. Rows that point to
        what an earlier run wrote into `out` are left out.
    out:
        Folder to write; an interrupted run in it is continued, and a finished
        one is left as it is, corrections by hand included.
    detector:
        As for :func:`facelage.data.detect.resolve_detector`; None takes the
        images for crops.
    workers:
        Processes; the number of cores by default. A script that starts more
        than one needs Python's usual ``if __name__ == "__main__":``.
    progress:
        Show a progress bar on standard error.

    Returns
    -------
    Manifest
        Every row of the input with its status; ``crop`` is relative to `out`,
        ``path`` to the source folder that ``prepare.json`` names.

    Raises
    ------
    ConfigError
        If `out` holds a run with other settings or images, or somebody else's manifest.
    ManifestError
        If a path leaves the manifest's folder, or there are too few faces to
        split; the manifest and the report are written nevertheless.
    """
    from tqdm import tqdm

    config = config or PrepareConfig()
    if workers is not None and workers < 1:
        raise ConfigError("workers is out of range", got=str(workers), expected="1 or more")
    out = Path(out)
    finder = resolve_detector(detector)
    manifest = _without_results(manifest, out)
    paths = manifest.locate("path")
    _claim(out, manifest, config, finder)
    done = _read_progress(out / "progress.jsonl")
    ages = manifest.ages()
    jobs = {
        relative: (paths[row], relative, float(ages[row]))
        for relative, row in _rows_to_use(manifest, config.filters).items()
        if relative not in done
    }
    if not jobs and (out / "manifest.csv").is_file():
        finished = Manifest.load(out)
        if (finished.frame["split"] != "").any():
            return finished  # as it stands: somebody may have corrected it by hand
    with (
        open(out / "progress.jsonl", "a", encoding="utf-8") as log,
        tqdm(
            total=len(done) + len(jobs),
            initial=len(done),
            unit="img",
            desc="prepare",
            disable=not progress,
        ) as bar,
    ):
        for record in _run(list(jobs.values()), out, config, finder, workers):
            log.write(json.dumps(record) + "\n")
            log.flush()
            done[record["path"]] = record
            bar.update()
    joined = _join(manifest, done, out, config)
    try:
        prepared = _split(joined, manifest, config)
    except ManifestError:
        _write_results(joined, out)  # the report says why there are too few
        raise
    _write_results(prepared, out)
    return prepared


def prepare_image(
    path: Path,
    relative: str,
    age: float,
    out: Path,
    config: PrepareConfig,
    detector: FaceDetector | None,
) -> dict[str, Any]:
    """Check and align one image; never raises for what is wrong with the image.

    Returns the manifest's columns for it, as plain data.
    """
    record: dict[str, Any] = {"path": relative, "detector": detector.name if detector else "none"}
    status, reason = check_label(age, config.filters)
    try:
        image = load_image(path)
        record["sha256"] = sha256(path)
        if status is Status.OK:
            if detector is None:
                face = whole_image(image, config.crop)
            else:
                found = detector.detect(image)
                status, reason, largest = check_faces(found, image.shape, config.filters)
                if largest is None:
                    return {**record, "status": status.value, "reason": reason}
                face = largest
                record["box"] = format_numbers(face.box)
                if face.landmarks:
                    record["landmarks"] = format_numbers(v for p in face.landmarks for v in p)
        if status is Status.OK:
            crop = align(image, face, config.crop, pad=config.pad)
            inner = crop[config.pad or None : -config.pad or None][
                :, config.pad or None : -config.pad or None
            ]
            status, reason = check_sharpness(inner, config.filters)
            record["phash"] = perceptual_hash(inner)
            name = hashlib.sha256(relative.encode()).hexdigest()[:12]
            record["crop"] = f"crops/{name[:2]}/{Path(relative).stem[:40]}-{name}.png"
            save_image(out / record["crop"], crop)
    except (ImageError, DetectorError) as error:
        status, reason = Status.UNREADABLE, str(error).replace(str(path), relative)
    except cv2.error as error:
        status, reason = Status.UNREADABLE, f"OpenCV: {error.err}"
    return {**record, "status": status.value, "reason": reason}


_worker: tuple[Path, PrepareConfig, FaceDetector | None]


def _start_worker(out: Path, config: PrepareConfig, detector: FaceDetector | None) -> None:
    global _worker
    cv2.setNumThreads(1)  # the processes are the parallelism
    _worker = (out, config, detector)


def _work(job: tuple[Path, str, float]) -> dict[str, Any]:
    return prepare_image(*job, *_worker)


def _run(
    jobs: list[tuple[Path, str, float]],
    out: Path,
    config: PrepareConfig,
    detector: FaceDetector | None,
    workers: int | None,
) -> Iterator[dict[str, Any]]:
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(jobs) < 64:
        for job in jobs:
            yield prepare_image(*job, out, config, detector)
        return
    with ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(out, config, detector),
    ) as pool:
        remaining = iter(jobs)
        try:
            # Slices bound what is queued: an interruption loses little, memory stays flat.
            while part := list(islice(remaining, 64 * workers)):
                yield from pool.map(_work, part, chunksize=16)
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process died",
                got=str(error),
                expected="enough memory for every worker",
                fix="run the same again to go on, with fewer workers (--workers 1)",
            ) from error


def _without_results(manifest: Manifest, out: Path) -> Manifest:
    """Without the crops and the plot in `out`, which a reader finds if `out` is in its folder."""
    results = out.resolve()
    kept = [
        not path.is_relative_to(results / "crops") and path != results / "ages.png"
        for path in (path.parent.resolve() / path.name for path in manifest.locate("path"))
    ]
    return Manifest(manifest.frame[kept], manifest.root)


def _claim(
    out: Path, manifest: Manifest, config: PrepareConfig, detector: FaceDetector | None
) -> None:
    """Write the run's settings into `out`, or check that they are the ones in it."""
    inputs = hashlib.sha256()
    columns = (manifest.frame[name] for name in ("path", "group", "split"))
    rows = zip(*columns, manifest.ages(), strict=True)
    for path, group, split, age in sorted(rows, key=itemgetter(0)):
        file = manifest.root / path
        size = file.stat().st_size if file.is_file() else -1  # another photo under its name
        apart = f"\t{group}\t{split}" if group or split else ""
        inputs.update(f"{path}\t{age:g}\t{size}{apart}\n".encode())
    settings = {
        "source": str(manifest.root.resolve()),
        "images": len(manifest),
        "inputs_sha256": inputs.hexdigest(),
        "detector": detector.name if detector else "none",
        "config": asdict(config),
    }
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    path = out / "prepare.json"
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise ConfigError(
                "the output folder holds a run with other settings or images",
                got=str(out),
                fix="choose another folder, delete this one, or repeat its settings "
                "(see prepare.json in it)",
            )
        return
    if (out / "manifest.csv").exists():
        raise ConfigError(
            "the output folder holds a manifest that `prepare` did not write",
            got=str(out / "manifest.csv"),
            fix="choose another folder",
        )
    write_text(path, text)


def _read_progress(path: Path) -> dict[str, dict[str, Any]]:
    done: dict[str, dict[str, Any]] = {}
    if not path.is_file():
        return done
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):  # the line a kill cut short
            record = json.loads(line)
            done[record["path"]] = record
    if lines[-1]:  # a kill cut the last line: end it, so that appending starts a new one
        write_text(path, "".join(json.dumps(record) + "\n" for record in done.values()))
    return done


def _rows_to_use(manifest: Manifest, filters: FilterConfig) -> dict[str, int]:
    """By path, the first row with a possible age, or the first of all if none has one."""
    rows: dict[str, int] = {}
    labelled = [check_label(float(age), filters)[0] is Status.OK for age in manifest.ages()]
    for row, path in enumerate(manifest.frame["path"]):
        if not labelled[rows.setdefault(path, row)] and labelled[row]:
            rows[path] = row
    return rows


def _join(
    manifest: Manifest, done: dict[str, dict[str, Any]], out: Path, config: PrepareConfig
) -> Manifest:
    """The finished images in the input's order, duplicates marked, without splits."""
    frame = manifest.frame.assign(split="")
    for name in ("status", "reason", "crop", "box", "landmarks", "detector", "sha256", "phash"):
        frame[name] = [done[path].get(name, "") for path in frame["path"]]
    # Whose photo it is, whichever of its rows says so.
    known = frame["group"].where(frame["group"] != "").groupby(frame["path"]).transform("first")
    frame["group"] = frame["group"].where(frame["group"] != "", known.fillna(""))
    used = list(_rows_to_use(manifest, config.filters).values())
    again = ~frame.index.isin(used)
    frame.loc[again, "status"] = Status.EXACT_DUPLICATE.value
    frame.loc[again, "reason"] = "the same path as in another row"
    return mark_duplicates(Manifest(frame, out), config.filters)


def _split(joined: Manifest, source: Manifest, config: PrepareConfig) -> Manifest:
    """`joined` with the splits that `source` gives, or new ones if it gives none."""
    given = source.frame["split"]
    if (given == "").all():
        return assign_splits(joined, val=config.val, test=config.test, seed=config.seed)
    frame = joined.frame.assign(split=given.where(joined.frame["status"] == "ok", ""))
    inside = frame[(frame["group"] != "") & (frame["split"] != "")]
    crossing = inside.groupby("group")["split"].nunique()
    if (crossing > 1).any():
        example = inside[inside["group"] == crossing.idxmax()]["path"]
        warnings.warn(
            f"{int((crossing > 1).sum())} groups of near-duplicates or subjects lie in several of "
            f"the given splits, such as {' and '.join(example.head(2))}: figures on them flatter",
            FacelageWarning,
            stacklevel=3,
        )
    return Manifest(frame, joined.root)


def _write_results(manifest: Manifest, out: Path) -> None:
    """The manifest comes last: where it is, the run is complete."""
    write_text(out / "report.json", json.dumps(describe(manifest), indent=2) + "\n")
    write_text(out / "report.txt", text_report(manifest))
    with contextlib.suppress(MissingDependencyError):
        plot_ages(manifest.ages(), manifest.usable().ages(), out / "ages.png")
    manifest.save(out / "manifest.csv")
