"""facelage against plain torch, the naive pipeline, and its own slower ways."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from facelage.data.detect import FaceDetector, YuNetDetector
from facelage.data.images import load_image
from facelage.infer import AgePredictor, FaceAge
from facelage.infer.session import AgeSession

from . import naive
from .peak import count_macs, matrix_peak
from .photos import Photos
from .timing import Job, Section, interleaved

BATCH = 32


def one_by_one(session: AgeSession, crops: np.ndarray) -> None:
    for crop in crops:
        session.ages(crop[None])


def crops_section(models: dict[str, AgeSession], photos: Photos, rounds: int) -> Section:
    """Ages of crops: normalisation and network, alone and in batches."""
    session = next(iter(models.values()))
    crops = np.resize(photos.crops, (BATCH, *photos.crops.shape[1:]))
    network = naive.mobilenet()
    alone, batches = "eager torch MobileNetV2, alone", f"eager torch MobileNetV2, {BATCH} at once"
    jobs = [
        Job(alone, lambda: [naive.ages(network, crop[None]) for crop in crops], BATCH),
        Job(batches, partial(naive.ages, network, crops), BATCH),
    ]
    against = {}
    for name, each in models.items():
        jobs += [
            Job(f"facelage {name}, alone", partial(one_by_one, each, crops), BATCH),
            Job(f"facelage {name}, {BATCH} at once", partial(each.ages, crops), BATCH),
        ]
        against |= {jobs[-2].name: alone, jobs[-1].name: batches}
    return Section(f"Crops ({naive.own_size(session.crop)})", interleaved(jobs, rounds), against)


def photo_section(
    models: dict[str, AgeSession], detector: FaceDetector, photos: Photos, rounds: int
) -> Section:
    """A 640-pixel photo, from file to age: all portraits, since some are looked at twice."""
    pipeline = naive.NaivePipeline()
    some = photos.portraits

    def through(predict: Callable[[Path], object]) -> None:
        for path in some:
            predict(path)

    slow = "naive: Haar, eager torch MobileNetV2 at 224 px"
    jobs = [Job(slow, partial(through, pipeline.predict), len(some))]
    for name, session in models.items():
        predictor = AgePredictor(session, detector)
        jobs.append(
            Job(f"facelage {name}, {detector.name}", partial(through, predictor.predict), len(some))
        )
    whole = AgePredictor(session, YuNetDetector(glance=False))
    jobs.append(Job("the same, glance=False", partial(through, whole.predict), len(some)))
    ms = interleaved(jobs, rounds)
    found = sum(len(pipeline.predict(path)) for path in some)
    pairs = [(predictor.predict(path), whole.predict(path)) for path in some]
    same = sum(len(one) == len(other) for one, other in pairs)
    moved = [
        abs(one[0].age - other[0].age) for one, other in pairs if len(one) == len(other) and one
    ]
    return Section(
        f"Photos of 640 x 640 pixels, from file to age ({len(some)} portraits, a photo)",
        ms,
        {job.name: slow for job in jobs[1:]},
        [
            f"The naive pipeline's network has random weights; Haar saw {found} face(s).",
            "YuNet glances at a photo in half its size, and looks closer where that was not clear; "
            "glance=False: it looks at all of it at once. "
            f"As many faces either way in {same} of the photos; "
            f"ages {np.mean(moved):.2f} years apart on average, {max(moved):.2f} at most.",
        ],
    )


def large_section(
    models: dict[str, AgeSession], detector: FaceDetector, photos: Photos, rounds: int
) -> Section:
    """A 12-megapixel JPEG: against decoding it in full, and against the full-size path."""
    predictors = {name: AgePredictor(session, detector) for name, session in models.items()}
    path, predictor = photos.large, list(predictors.values())[-1]
    decode, whole = "decoding it in full", "the full-size path (decode in full, detect, cut), int8"
    jobs = [Job(decode, partial(load_image, path))]
    jobs += [
        Job(f"facelage {name}, from file to age", partial(each.predict, path))
        for name, each in predictors.items()
    ]
    jobs.append(Job(whole, lambda: predictor.predict(load_image(path))))
    ms = interleaved(jobs, rounds)
    notes = [
        f"{name}: {agreement(each.predict(path), each.predict(load_image(path)))}"
        for name, each in predictors.items()
    ]
    return Section(
        "A JPEG of 4000 x 3000 pixels",
        ms,
        {job.name: decode for job in jobs[1:]},
        ["Made from a portrait of 640 pixels, enlarged, with noise.", *notes],
    )


def agreement(own: list[FaceAge], full: list[FaceAge]) -> str:
    """How the faces and ages of two ways differ."""
    if len(own) != len(full):
        return f"DIFFERENT FACES: {len(own)} against {len(full)} on the full-size path."
    years = max((abs(a.age - b.age) for a, b in zip(own, full, strict=True)), default=0.0)
    shift = max(
        (np.abs(np.subtract(a.box, b.box)).max() for a, b in zip(own, full, strict=True)),
        default=0.0,
    )
    return (
        f"same {len(own)} face(s) as on the full-size path; ages differ by {years:.2f} years, "
        f"boxes by {shift:.1f} pixels at most."
    )


def folder_section(
    session: AgeSession, detector: FaceDetector, photos: Photos, rounds: int, cores: int
) -> Section:
    """A folder of photos on one thread, and with a worker on each core.

    Beside it, processes that know nothing of each other: what the machine itself gives.
    """
    predictor, files = AgePredictor(session, detector), photos.portraits
    one = "one thread"
    jobs = [Job(one, partial(predictor.predict_batch, files), len(files))]
    for workers in sorted({2, cores} - {1}):
        run = partial(predictor.predict_batch, files, workers=workers)
        jobs.append(Job(f"{workers} workers, each on one thread", run, len(files)))
    processes = max(2, cores)
    shares = [files[start::processes] for start in range(processes)]
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_open, initargs=(predictor,)
    ) as pool:
        apart = partial(_list, pool, shares)
        jobs.append(Job(f"{processes} separate processes, for comparison", apart, len(files)))
        ms = interleaved(jobs, rounds)
    return Section(
        f"A folder of {len(files)} photos, a photo",
        ms,
        {job.name: one for job in jobs[1:]},
        [f"This process may use {cores} core(s)."],
    )


_predictor: AgePredictor


def _open(predictor: AgePredictor) -> None:
    global _predictor
    cv2.setNumThreads(1)
    _predictor = predictor


def _share(files: list[Path]) -> int:
    return len(_predictor.predict_batch(files))


def _list(pool: ProcessPoolExecutor, shares: list[list[Path]]) -> list[int]:
    return list(pool.map(_share, shares))


def peak_section(models: dict[str, Path], photos: Photos, rounds: int) -> Section:
    """What the networks reach of the machine's matrix multiplication, on one thread."""
    import onnxruntime as ort

    from facelage.data.align import normalise

    jobs = []
    crops = np.resize(photos.crops, (BATCH, *photos.crops.shape[1:]))
    for name, path in models.items():
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        run = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        key, pixels = run.get_inputs()[0].name, normalise(crops)
        jobs += [
            Job(f"{name} network, alone", partial(run.run, None, {key: pixels[:1]})),
            Job(f"{name} network, {BATCH} at once", partial(run.run, None, {key: pixels}), BATCH),
        ]
    ms = interleaved(jobs, rounds)
    peak = matrix_peak(rounds)
    macs = count_macs(next(iter(models.values())))
    notes = [f"{macs / 1e6:.1f} million multiply-adds a face, counted from the ONNX graph."]
    notes += [
        f"{name} multiplies at {speed:.1f} GFLOP/s (float32)." for name, speed in peak.items()
    ]
    top = max(peak.values())
    for name, times in ms.items():
        reached = 2 * macs / min(times) / 1e6
        notes.append(f"{name}: {reached:.1f} GFLOP/s, {reached / top:.0%} of the peak.")
    return Section("The networks alone, against the matrix-multiply peak", ms, {}, notes)
