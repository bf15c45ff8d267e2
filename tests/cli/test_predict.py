from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from facelage.data.images import load_image, save_image
from facelage.export import export_onnx
from facelage.infer import AgePredictor
from facelage.models import load_weights


def test_one_photo_as_a_table(facelage: Callable, portrait_file: Path) -> None:
    done = facelage("predict", portrait_file, "--detector", "haar")
    assert done.code == 0
    heading, row = done.out.splitlines()
    assert heading.split() == ["image", "age", "90%", "face", "score", "detector", "note"]
    assert row.startswith(str(portrait_file))
    assert row.endswith("haar")
    _, age, interval, *_ = row.split()
    low, high = map(int, interval.split("-"))
    assert low < float(age) < high


def test_json_holds_everything(facelage: Callable, portrait_file: Path) -> None:
    done = facelage("predict", portrait_file, "--detector", "haar", "--format", "json")
    [item] = json.loads(done.out)
    assert item["path"] == portrait_file.as_posix()
    assert item["status"] == "ok"
    [face] = item["faces"]
    assert 22 <= face["age"] <= 50
    assert len(face["box"]) == 4
    assert face["coverage"] == 0.9
    assert 1 / 3 <= face["spread"] <= 3


def test_intervals_may_be_of_another_coverage(facelage: Callable, portrait_file: Path) -> None:
    def ends(*options: object) -> tuple[float, float]:
        done = facelage("predict", portrait_file, "--detector", "haar", "--format", "csv", *options)
        [row] = csv.DictReader(io.StringIO(done.out))
        return float(row["low"]), float(row["high"])

    usual, narrow = ends(), ends("--coverage", 0.5)
    assert usual[0] < narrow[0] < narrow[1] < usual[1]
    done = facelage("predict", portrait_file, "--detector", "haar", "--coverage", 0.5)
    assert "  50%  " in done.out.splitlines()[0]
    assert facelage("predict", portrait_file, "--coverage", 1).code != 0


def test_a_model_without_a_calibration_has_no_column_for_intervals(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    model, crop = load_weights(tiny.shared_run())
    export_onnx(model, tmp_path / "m.onnx", crop=crop)
    done = facelage("predict", portrait_file, "--detector", "haar", "--model", tmp_path / "m.onnx")
    assert done.code == 0
    assert "%" not in done.out


def test_a_bad_image_loses_nothing_else(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("text")
    done = facelage(
        "predict", bad, portrait_file, tmp_path / "gone.png",
        "--detector", "haar", "--format", "csv", "--no-progress",
    )  # fmt: skip
    assert done.code == 3
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["status"] for row in rows] == ["unreadable", "ok", "unreadable"]
    assert "no such image" in rows[2]["error"]
    assert float(rows[1]["age"]) > 0
    assert float(rows[1]["left"]) < float(rows[1]["right"])
    assert float(rows[1]["low"]) < float(rows[1]["age"]) < float(rows[1]["high"])
    assert rows[0]["low"] == rows[0]["coverage"] == ""
    assert "3 images: 2 unreadable, 1 ok" in done.err


def test_a_folder_is_searched_and_annotated(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "drawn"
    done = facelage("predict", portrait_file.parent, "--detector", "haar", "--annotate", out)
    assert done.code == 0
    drawn = load_image(out / "portrait.jpg")
    assert drawn.shape == (512, 512, 3)
    difference = abs(drawn.astype(int) - load_image(portrait_file))
    assert difference.max() > 100  # the box


def test_annotated_photos_of_one_name_do_not_overwrite_each_other(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "b" / "portrait.png"
    other.parent.mkdir()
    other.write_bytes(portrait_file.read_bytes())
    out = tmp_path / "drawn"
    facelage(
        "predict", portrait_file, other, "--detector", "haar", "--annotate", out, "--no-progress"
    )
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "workers", "threads"),
    [
        ([], 2, 1),
        (["--workers", 5], 3, 1),  # no more than photos
        (["--workers", 1], 1, None),
        (["--workers", 2, "--threads", 4], 2, 4),
    ],
)
def test_workers_share_the_cores(
    facelage: Callable,
    portrait_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[object],
    workers: int,
    threads: int | None,
) -> None:
    seen: list[object] = []
    opened, iterate = AgePredictor.from_pretrained, AgePredictor.iter_predict

    def from_pretrained(model: object, **given: object) -> AgePredictor:
        seen.append(given["threads"])
        return opened(model, detector=None, threads=1)

    def iter_predict(self: AgePredictor, files: object, **given: object) -> object:
        seen.append(given["workers"])
        return iterate(self, files, **given)

    monkeypatch.setattr(AgePredictor, "from_pretrained", from_pretrained)
    monkeypatch.setattr(AgePredictor, "iter_predict", iter_predict)
    monkeypatch.setattr("facelage.infer.parallel.usable_cores", lambda: 2)
    done = facelage("predict", *[portrait_file] * 3, "--no-progress", *options)
    assert done.code == 0
    assert seen == [threads, workers]
    assert facelage("predict", portrait_file, "--workers", 0).code != 0


def test_crops_are_aged_without_a_detector(facelage: Callable, portrait_file: Path) -> None:
    done = facelage("predict", portrait_file, "--detector", "none", "--format", "json")
    [face] = json.loads(done.out)[0]["faces"]
    assert face["box"] is None
    assert face["detector"] == "none"


# The command line prints warnings; the suite's "error" would raise them first.
@pytest.mark.filterwarnings("always::facelage.errors.DetectorFallbackWarning")
def test_the_fallback_detector_is_announced_once(facelage: Callable, portrait_file: Path) -> None:
    done = facelage("predict", portrait_file, portrait_file, "--no-progress")
    assert done.code == 0
    assert done.err.count("facelage download") == 1


def test_an_empty_folder_is_named(facelage: Callable, tmp_path: Path) -> None:
    done = facelage("predict", tmp_path)
    assert done.code == 1
    assert "holds no image" in done.err


def test_originals_are_never_replaced(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "me.jpg"
    photo.write_bytes(portrait_file.read_bytes())
    before = photo.read_bytes()
    done = facelage("predict", photo, "--detector", "haar", "--annotate", tmp_path)
    assert done.code == 1
    assert "would replace an original" in done.err
    assert photo.read_bytes() == before


def test_whatever_lies_in_an_album_is_an_original(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    (album / "me.png").write_bytes(portrait_file.read_bytes())
    (album / "me.jpg").write_bytes(b"another photo")
    arguments = ("predict", album / "me.png", "--detector", "haar", "--annotate")
    done = facelage(*arguments, album)
    assert done.code == 1
    assert "would replace an original" in done.err
    assert (album / "me.jpg").read_bytes() == b"another photo"
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "me.jpg").symlink_to(album / "me.jpg")
    assert facelage(*arguments, tmp_path / "links").code == 1
    for _ in range(2):  # in a folder of their own drawn photos may be replaced
        assert facelage(*arguments, tmp_path / "drawn").code == 0


def test_an_interruption_loses_no_row_that_was_there(
    facelage: Callable, portrait_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = AgePredictor.iter_predict

    def interrupted(self: AgePredictor, images: list[Path], **options: Any) -> Iterator[Any]:
        yield from told(self, images[:1], **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(AgePredictor, "iter_predict", interrupted)
    done = facelage("predict", *[portrait_file] * 3, "--detector", "haar", "--format", "csv")
    assert done.code == 130
    assert done.err.splitlines()[-1] == "facelage: interrupted"
    assert len(done.out.splitlines()) == 2


def test_a_photo_that_can_not_be_drawn_loses_no_age(
    facelage: Callable, portrait_file: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.png"
    save_image(wide, np.full((1, 70_000, 3), 99, np.uint8))
    done = facelage(
        "predict", wide, portrait_file, "--detector", "haar",
        "--annotate", tmp_path / "drawn", "--no-progress",
    )  # fmt: skip
    assert done.code == 0
    assert len(done.out.splitlines()) == 3
    assert "wide.png: not drawn" in done.err
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == [f"{portrait_file.stem}.jpg"]


def test_a_name_that_the_output_lacks_loses_no_age(portrait_file: Path, tmp_path: Path) -> None:
    photo = tmp_path / "\u0141uk.png"
    photo.write_bytes(portrait_file.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "facelage", "predict", photo, "--detector", "haar"],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"\\u0141uk.png" in done.stdout
