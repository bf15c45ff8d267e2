"""Predictors in threads and processes: their own, and other people's."""

from __future__ import annotations

import gc
import pickle
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from facelage.data.detect import Detection, HaarDetector, YuNetDetector
from facelage.data.images import UInt8Image
from facelage.errors import ConfigError, DetectorError, ImageError
from facelage.infer import AgePredictor, ImageResult
from facelage.infer.session import AgeSession

BLANK = np.full((200, 300, 3), 127, np.uint8)


def at_work() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("facelage")]


def plain(results: list[ImageResult]) -> list[tuple[str, str, list[float]]]:
    return [(r.status, str(r.error), [f.age for f in r.faces]) for r in results]


class Places:
    """Finds a face in the middle, and notes in which threads."""

    name = "places"

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def detect(self, image: UInt8Image) -> list[Detection]:
        self.threads.add(threading.get_ident())
        height, width = image.shape[:2]
        return [Detection((width / 4, height / 4, 3 * width / 4, 3 * height / 4))]


@pytest.fixture(scope="module")
def session(predictor: AgePredictor) -> AgeSession:
    return predictor.session


@pytest.fixture(params=["haar", "yunet", "none"])
def any_predictor(request: pytest.FixtureRequest, session: AgeSession) -> AgePredictor:
    if request.param == "none":
        return AgePredictor(session, None)
    if request.param == "haar":
        return AgePredictor(session, HaarDetector())
    return AgePredictor(session, YuNetDetector(request.getfixturevalue("yunet")))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_workers_change_neither_order_nor_ages(
    predictor: AgePredictor,
    portrait: np.ndarray,
    portrait_file: Path,
    tmp_path: Path,
    batch_size: int,
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("this is text")
    images = [portrait, tmp_path / "missing.jpg", BLANK, broken, portrait_file, b"", BLANK]
    expected = plain(predictor.predict_batch(images, batch_size=batch_size))
    found = predictor.predict_batch(images, batch_size=batch_size, workers=3)
    assert plain(found) == expected
    assert at_work() == []
    assert predictor.predict_batch([], workers=2) == []


def test_detection_leaves_the_callers_thread(session: AgeSession, portrait: np.ndarray) -> None:
    for workers, here in ((1, True), (2, False)):
        detector = Places()
        predictor = AgePredictor(session, detector)
        assert len(predictor.predict_batch([portrait] * 3, workers=workers)) == 3
        assert (detector.threads == {threading.get_ident()}) is here


@pytest.mark.parametrize(
    ("workers", "batch_size", "expected"),
    [(1, None, [5]), (1, 3, [3, 2]), (2, None, [2, 2, 1]), (2, 4, [4, 1])],
)
def test_a_batch_is_what_goes_through_the_network_together(
    session: AgeSession,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    batch_size: int | None,
    expected: list[int],
) -> None:
    sizes: list[int] = []
    real = AgeSession.answers

    def answers(self: AgeSession, crops: np.ndarray) -> np.ndarray:
        sizes.append(len(crops))
        return real(self, crops)

    monkeypatch.setattr(AgeSession, "answers", answers)
    predictor = AgePredictor(session, None)
    assert len(predictor.predict_batch([BLANK] * 5, workers=workers, batch_size=batch_size)) == 5
    assert sorted(sizes, reverse=True) == expected


def test_the_first_bad_image_is_raised_and_no_thread_left(
    session: AgeSession, portrait: np.ndarray, tmp_path: Path
) -> None:
    predictor = AgePredictor(session, Places())
    images = [portrait, tmp_path / "first.jpg", portrait, tmp_path / "second.jpg"]
    with pytest.raises(ImageError, match=r"first\.jpg"):
        predictor.predict_batch(images, workers=2, on_error="raise")
    assert at_work() == []


def test_a_generator_is_taken_as_needed_and_by_the_caller(session: AgeSession) -> None:
    taken: list[int] = []

    def images() -> Iterator[np.ndarray]:
        for _ in range(500):
            taken.append(threading.get_ident())
            yield BLANK

    results = AgePredictor(session, Places()).iter_predict(images(), batch_size=2, workers=2)
    assert taken == []
    assert next(results).status == "ok"
    assert len(taken) < 20
    assert set(taken) == {threading.get_ident()}
    results.close()
    assert at_work() == []


class Failing:
    name = "failing"

    def detect(self, image: UInt8Image) -> list[Detection]:
        try:
            raise ValueError("deep inside")
        except ValueError as error:
            raise DetectorError("no") from error


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_does_not_keep_its_image(session: AgeSession, workers: int) -> None:
    images: list[weakref.ref[np.ndarray]] = []

    def several() -> Iterator[np.ndarray]:
        for _ in range(3):
            image = BLANK.copy()
            images.append(weakref.ref(image))
            yield image

    results = AgePredictor(session, Failing()).predict_batch(several(), workers=workers)
    gc.collect()
    assert [str(result.error) for result in results] == ["no"] * 3
    assert [image() for image in images] == [None] * 3


@pytest.mark.parametrize("workers", [0, -1])
def test_there_is_at_least_one_worker(predictor: AgePredictor, workers: int) -> None:
    with pytest.raises(ConfigError, match=f"workers is out of range; got: {workers}"):
        predictor.predict_batch([BLANK], workers=workers)


def test_the_network_has_one_thread_beside_workers_unless_told(
    session: AgeSession, portrait: np.ndarray
) -> None:
    assert session.threads == 1
    assert session.beside_threads() is session
    free = AgeSession(session.path)
    beside = free.beside_threads()
    assert beside.threads == 1
    assert free.beside_threads() is beside
    [one] = AgePredictor(free, None).predict_batch([portrait])
    [two] = AgePredictor(free, None).predict_batch([portrait], workers=2)
    assert one.faces[0].age == pytest.approx(two.faces[0].age, abs=1e-4)
    assert pickle.loads(pickle.dumps(free)).threads is None


def test_one_predictor_serves_several_threads(
    any_predictor: AgePredictor, portrait: np.ndarray, two_faces: np.ndarray
) -> None:
    images = [portrait, two_faces] * 3
    expected = [any_predictor.predict(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(any_predictor.predict, images)) == expected


def test_a_pickled_predictor_gives_the_same(
    any_predictor: AgePredictor, portrait: np.ndarray
) -> None:
    expected = any_predictor.predict(portrait)
    assert expected
    any_predictor.predict_batch([portrait], workers=2)  # what it holds by then travels, or not
    assert pickle.loads(pickle.dumps(any_predictor)).predict(portrait) == expected


def test_spawned_processes_open_predictors_of_their_own(
    session: AgeSession, portrait: np.ndarray, request: pytest.FixtureRequest
) -> None:
    detectors = [None, HaarDetector()]
    if (Path(__file__).resolve().parents[3] / "shared").is_dir():
        detectors.append(YuNetDetector(request.getfixturevalue("yunet")))
    predictors = [AgePredictor(session, detector) for detector in detectors]
    expected = [predictor.predict(portrait) for predictor in predictors]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = [pool.submit(predictor.predict, portrait) for predictor in predictors]
        assert [each.result() for each in found] == expected
