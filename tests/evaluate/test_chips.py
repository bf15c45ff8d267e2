from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.align import CropSpec, align
from facelage.data.detect.base import Detection
from facelage.data.images import save_image
from facelage.data.manifest import Manifest, concat, format_numbers, from_records
from facelage.errors import ConfigError, DetectorError, ManifestError
from facelage.evaluate.chips import (
    Chip,
    NoChip,
    cut_chip,
    iter_chips,
    locate_photos,
    read_detection,
)

# What YuNet finds in the fixture `astronaut`.
POINTS = ((200.1, 101.8), (247.1, 102.6), (220.4, 124.5), (198.6, 142.8), (239.7, 143.6))
FACE = Detection((178.2, 62.9, 268.1, 176.2), POINTS, 0.93)
BOX, LANDMARKS = format_numbers(FACE.box), format_numbers(v for p in POINTS for v in p)


def row(name: str, **values: Any) -> dict[str, Any]:
    return {"path": name, "age": 30.0, "box": BOX, "landmarks": LANDMARKS} | values


def moved(face: Detection, scale: float, x: float = 0.0, y: float = 0.0) -> Detection:
    left, top, right, bottom = (scale * value for value in face.box)
    points = tuple((scale * u + x, scale * v + y) for u, v in face.landmarks or ())
    return Detection((left + x, top + y, right + x, bottom + y), points or None)  # type: ignore[arg-type]


def test_a_small_face_is_cut_out_of_the_photo_pixel_for_pixel(astronaut: np.ndarray) -> None:
    chip = cut_chip(astronaut, FACE)
    side = len(chip.image)
    assert chip.image.shape == (side, side, 3)
    assert side == 227  # twice the box's height, rounded up
    x, y = np.array(FACE.box[:2]) - chip.detection.box[:2]
    assert (x, y) == (pytest.approx(round(x)), pytest.approx(round(y)))
    top, left = round(y), round(x)
    assert np.array_equal(chip.image, astronaut[top : top + side, left : left + side])
    assert np.allclose(np.array(chip.detection.landmarks) + np.array([x, y]), POINTS)
    assert chip.detection.score == FACE.score


def test_the_crop_of_the_chip_is_the_crop_of_the_photo(astronaut: np.ndarray) -> None:
    chip = cut_chip(astronaut, FACE)
    for spec in (CropSpec(), CropSpec(size=64), CropSpec(size=224)):
        ours, theirs = align(chip.image, chip.detection, spec), align(astronaut, FACE, spec)
        assert np.abs(ours.astype(int) - theirs).max() <= 2


def test_a_large_face_is_reduced_and_its_landmarks_go_along(astronaut: np.ndarray) -> None:
    chip = cut_chip(astronaut, FACE, face_side=40)
    left, top, right, bottom = chip.detection.box
    assert chip.image.shape == (80, 80, 3)
    assert bottom - top == pytest.approx(40)
    assert right - left == pytest.approx(40 * 89.9 / 113.3)
    spec = CropSpec(size=32)
    ours, theirs = align(chip.image, chip.detection, spec), align(astronaut, FACE, spec)
    # Half a pixel off would cost more than four levels on average.
    assert np.abs(ours.astype(int) - theirs).mean() < 4


@given(
    st.floats(0.05, 4), st.floats(-300, 300), st.floats(-300, 300), st.sampled_from((16, 64, 160))
)
def test_the_face_fills_the_middle_half_wherever_it_lies(
    scale: float, x: float, y: float, face_side: int
) -> None:
    photo = np.zeros((40, 60, 3), np.uint8)
    chip = cut_chip(photo, moved(FACE, scale, x, y), face_side=face_side)
    side = len(chip.image)
    left, top, right, bottom = chip.detection.box
    longer = max(right - left, bottom - top)
    assert 16 <= side <= 2 * face_side
    assert longer <= side / 2 + 1e-6
    if side > 16:
        assert longer > side / 2 - 0.5 - 1e-6
    assert (left + right) / 2 == pytest.approx((side - 1) / 2, abs=0.5001)
    assert (top + bottom) / 2 == pytest.approx((side - 1) / 2, abs=0.5001)
    assert chip.detection.landmarks is not None


def test_beyond_the_photo_its_edge_is_repeated() -> None:
    photo = np.arange(20, dtype=np.uint8)[None, :, None].repeat(20, 0).repeat(3, 2)
    image = cut_chip(photo, Detection((0, 0, 20, 20))).image
    assert image.shape == (40, 40, 3)
    assert (image[:, :9] == 0).all()
    assert (image[:, 31:] == 19).all()


@pytest.mark.parametrize("face_side", [15, 513])
def test_a_chip_has_a_sensible_size(face_side: int, astronaut: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="face_side is out of range"):
        cut_chip(astronaut, FACE, face_side=face_side)


def test_cells_become_the_face_they_were_written_from() -> None:
    face = read_detection(BOX, LANDMARKS)
    assert np.allclose(face.box, FACE.box)
    assert np.allclose(np.array(face.landmarks), POINTS)
    assert read_detection(BOX) == Detection(face.box)


@pytest.mark.parametrize(
    ("box", "landmarks"),
    [
        ("", ""),
        ("1 2 3", ""),
        ("1 2 3 x", ""),
        (BOX, "1 2 3"),
        ("4 4 1 1", ""),
        ("0 0 nan 1", ""),
    ],
)
def test_cells_without_a_face_are_a_named_error(box: str, landmarks: str) -> None:
    with pytest.raises(DetectorError):
        read_detection(box, landmarks)


def test_a_bad_row_has_a_reason_and_the_rest_goes_on(tmp_path: Path, astronaut: np.ndarray) -> None:
    save_image(tmp_path / "good.png", astronaut)
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:999])
    rows = [
        row("good.png"),
        row("broken.png"),
        row("missing.png"),
        row("good.png", box="", landmarks="", status="no_face", reason="none found"),
        row("good.png", box=""),
        row("good.png", box="", landmarks="", detector="none"),
        row("good.png", landmarks=""),
    ]
    found = list(iter_chips(from_records(rows, tmp_path)))
    statuses = ["ok" if isinstance(chip, Chip) else chip.status for chip in found]
    assert statuses == ["ok", "unreadable", "unreadable", "no_face", "no_box", "ok", "ok"]
    assert found[3] == NoChip("no_face", "none found")
    assert all(chip.reason for chip in found if isinstance(chip, NoChip))
    whole = found[5]
    assert isinstance(whole, Chip)
    assert whole.detection.landmarks is None
    square = CropSpec(size=64, box_side=1.0, box_shift=0.0)
    crop = align(whole.image, whole.detection, CropSpec(size=64))
    direct = align(astronaut, Detection((-0.5, -0.5, 511.5, 511.5)), square)
    assert np.abs(crop.astype(int) - direct).mean() < 4


def test_prepared_photos_lie_where_they_were_prepared_from(
    tmp_path: Path, astronaut: np.ndarray
) -> None:
    photos, manifests = tmp_path / "photos", []
    save_image(photos / "a" / "1.png", astronaut)
    for name in ("x", "y"):
        folder = tmp_path / "prepared" / name
        folder.mkdir(parents=True)
        (folder / "prepare.json").write_text(json.dumps({"source": str(photos)}))
        manifests.append(from_records([row("a/1.png")], folder))
    joined = concat(manifests)
    assert list(joined.frame["path"]) == ["x/a/1.png", "y/a/1.png"]
    assert locate_photos(manifests[0]) == [photos / "a" / "1.png"]
    assert locate_photos(joined) == [photos / "a" / "1.png"] * 2
    assert all(isinstance(chip, Chip) for chip in iter_chips(joined))


@pytest.mark.parametrize("settings", ["{", "{}", "[]", '{"source": 3}', '{"source": "/gone/x"}'])
def test_settings_that_say_nothing_leave_the_root(settings: str, tmp_path: Path) -> None:
    (tmp_path / "prepare.json").write_text(settings)
    assert locate_photos(from_records([row("a.png")], tmp_path)) == [tmp_path / "a.png"]


def test_photos_outside_their_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="outside"):
        list(iter_chips(from_records([row("../a.png")], tmp_path)))
    empty = from_records([row("a.png")], tmp_path)
    assert locate_photos(Manifest(empty.frame.iloc[:0], tmp_path)) == []
