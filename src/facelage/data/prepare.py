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
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2

from facelage.data.align import CropSpec, align, whole_image
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
from facelage.data.splits import assign_splits
from facelage.data.stats import describe, plot_ages, text_report
from facelage.errors import ConfigError, ImageError, MissingDependencyError
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
        Paths and ages, from :mod:`facelage.data.readers`. Rows that have a
        split already keep it.
    out:
        Folder to write; a previous, interrupted run in it is continued.
    detector:
        As for :func:`facelage.data.detect.resolve_detector`; None takes the
        images for crops.
    workers:
        Processes; the number of cores by default.
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
        If `out` holds a run with other settings or images.
    ManifestError
        If a path leaves the manifest's folder, or there are too few faces to split.
    """
    from tqdm import tqdm

    config = config or PrepareConfig()
    out = Path(out)
    finder = resolve_detector(detector)
    paths = manifest.locate("path")
    _claim(out, manifest, config, finder)
    done = _read_progress(out / "progress.jsonl")
    jobs = [
        (path, relative, float(age))
        for path, relative, age in zip(paths, manifest.frame["path"], manifest.ages(), strict=True)
        if relative not in done
    ]
    with (
        open(out / "progress.jsonl", "a", encoding="utf-8") as log,
        tqdm(
            total=len(paths), initial=len(done), unit="img", desc="prepare", disable=not progress
        ) as bar,
    ):
        for record in _run(jobs, out, config, finder, workers):
            log.write(json.dumps(record) + "\n")
            log.flush()
            done[record["path"]] = record
            bar.update()
    prepared = _join(manifest, done, out, config)
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
            record["crop"] = f"crops/{name[:2]}/{Path(relative).stem[:60]}-{name}.png"
            save_image(out / record["crop"], crop)
    except ImageError as error:
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
        # Slices bound what is queued, so an interruption loses little and memory stays flat.
        while part := list(islice(remaining, 64 * workers)):
            yield from pool.map(_work, part, chunksize=16)


def _claim(
    out: Path, manifest: Manifest, config: PrepareConfig, detector: FaceDetector | None
) -> None:
    """Write the run's settings into `out`, or check that they are the ones in it."""
    inputs = hashlib.sha256()
    for path, age in sorted(zip(manifest.frame["path"], manifest.ages(), strict=True)):
        inputs.update(f"{path}\t{age:g}\n".encode())
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
    write_text(path, text)


def _read_progress(path: Path) -> dict[str, dict[str, Any]]:
    done: dict[str, dict[str, Any]] = {}
    if not path.is_file():
        return done
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):  # the line a kill cut short
            record = json.loads(line)
            done[record["path"]] = record
    if lines[-1]:  # a kill cut the last line: end it, so that appending starts a new one
        write_text(path, "".join(json.dumps(record) + "\n" for record in done.values()))
    return done


def _join(
    manifest: Manifest, done: dict[str, dict[str, Any]], out: Path, config: PrepareConfig
) -> Manifest:
    """The finished images in the input's order, duplicates marked, splits assigned."""
    frame = manifest.frame.copy()
    given_splits = frame["split"].copy()
    for name in ("status", "reason", "crop", "box", "landmarks", "detector", "sha256", "phash"):
        frame[name] = [done[path].get(name, "") for path in frame["path"]]
    joined = mark_duplicates(Manifest(frame, out), config.filters)
    split = assign_splits(joined, val=config.val, test=config.test, seed=config.seed)
    if (given_splits != "").any():
        kept = (joined.frame["status"] == "ok") & (given_splits != "")
        split.frame["split"] = given_splits.where(kept, "")
    return split


def _write_results(manifest: Manifest, out: Path) -> None:
    manifest.save(out / "manifest.csv")
    write_text(out / "report.json", json.dumps(describe(manifest), indent=2) + "\n")
    write_text(out / "report.txt", text_report(manifest))
    with contextlib.suppress(MissingDependencyError):
        plot_ages(manifest.ages(), manifest.usable().ages(), out / "ages.png")
