from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.samples import MarkDetector, texture, write_textures
from facelage.data.align import CropSpec, align, whole_image
from facelage.data.detect import Detection, HaarDetector, YuNetDetector
from facelage.data.filters import FilterConfig, Status
from facelage.data.images import load_image, save_image
from facelage.data.manifest import Manifest, from_records
from facelage.data.prepare import PrepareConfig, prepare
from facelage.data.readers import read_csv, read_folder
from facelage.data.splits import assign_splits
from facelage.data.stats import plot_ages
from facelage.errors import ConfigError, FacelageWarning, ManifestError
from facelage.files import sha256, write_bytes


@pytest.fixture(autouse=True)
def no_plot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all the rest."""
    monkeypatch.setattr(
        "facelage.data.prepare.plot_ages", lambda before, after, path: write_bytes(path, b"plot")
    )


SMALL = PrepareConfig(
    filters=FilterConfig(min_sharpness=20), crop=CropSpec(size=32), pad=4, val=0.2, test=0.2
)


def quiet(manifest: Manifest, out: Path, config: PrepareConfig = SMALL, **options: Any) -> Manifest:
    return prepare(
        manifest,
        out,
        config,
        **{"detector": MarkDetector(), "workers": 1, "progress": False, **options},
    )


@pytest.fixture
def mixed(tmp_path: Path) -> Manifest:
    """Pictures for every status there is."""
    root = tmp_path / "photos"
    manifest = write_textures(root, 12)
    blurred = cv2.GaussianBlur(texture(21), (0, 0), 12)
    for name, image in {
        "no_face": texture(20),
        "several_faces": texture(22),
        "small_face": texture(23),
        "blurred": blurred,
        "near": np.clip(texture(3, 64) * 0.95, 0, 255).astype(np.uint8),
        "no_label": texture(24),
        "bad_label": texture(25),
    }.items():
        image[0, 0] = MarkDetector.MARKS.get(name, 99)
        save_image(root / f"{name}.png", image)
    shutil.copy(root / "005.png", root / "copy.png")
    whole = cv2.imencode(".jpg", texture(26))[1].tobytes()
    write_bytes(root / "empty.jpg", b"")
    write_bytes(root / "text.jpg", b"not a picture")
    write_bytes(root / "cut.jpg", whole[: len(whole) // 2])
    (root / "folder.jpg").mkdir()
    ages = {"no_label": math.nan, "bad_label": 150.0}
    names = sorted(path.name for path in root.iterdir())
    given = dict(zip(manifest.frame["path"], manifest.ages(), strict=True))
    return from_records(
        [
            {"path": name, "age": given.get(name, ages.get(name.partition(".")[0], 40.0))}
            for name in [*names, "absent.jpg"]
        ],
        root,
    )


def test_every_status_is_recorded_with_its_reason(mixed: Manifest, tmp_path: Path) -> None:
    prepared = quiet(mixed, tmp_path / "out").frame.set_index("path")
    assert list(prepared.index) == mixed.frame["path"].tolist()
    expected = {
        **{f"{index:03}.png": "ok" for index in range(12)},
        **dict.fromkeys(("empty.jpg", "text.jpg", "cut.jpg", "folder.jpg"), "unreadable"),
        "absent.jpg": "unreadable",
        "no_label.png": "no_label",
        "bad_label.png": "bad_label",
        "no_face.png": "no_face",
        "several_faces.png": "several_faces",
        "small_face.png": "small_face",
        "blurred.png": "blurred",
        "copy.png": "exact_duplicate",
        "near.png": "ok",
    }
    assert prepared["status"].to_dict() == expected
    assert {*prepared["status"], "near_duplicate"} == {status.value for status in Status}
    reasons = prepared["reason"]
    assert ((reasons == "") == (prepared["status"] == "ok")).all()
    assert "image is empty" in reasons["empty.jpg"]
    assert "cut off" in reasons["cut.jpg"]
    assert "absent.jpg" in reasons["absent.jpg"]
    assert not reasons.str.contains(str(tmp_path)).any()
    assert reasons["copy.png"] == "the same file as 005.png, but 5 years old"
    assert prepared["group"]["near.png"] == prepared["group"]["003.png"] == "dup:003.png"
    assert ((prepared["split"] == "") == (prepared["status"] != "ok")).all()


def test_near_duplicates_can_be_dropped(mixed: Manifest, tmp_path: Path) -> None:
    drop = dataclasses.replace(SMALL, filters=FilterConfig(near_duplicates="drop"))
    prepared = quiet(mixed, tmp_path / "out", drop).frame.set_index("path")
    assert prepared["status"]["near.png"] == "near_duplicate"
    assert prepared["status"]["blurred.png"] == "ok"


def test_the_folder_holds_what_is_promised(
    mixed: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facelage.data.prepare.plot_ages", plot_ages)
    out = tmp_path / "out"
    prepared = quiet(mixed, out)
    names = ["ages.png", "crops", "manifest.csv", "prepare.json"]
    names += ["progress.jsonl", "report.json", "report.txt"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert load_image(out / "ages.png").shape == (600, 1200, 3)
    loaded = Manifest.load(out)
    assert loaded.frame.equals(prepared.frame)
    report = json.loads((out / "report.json").read_text())
    assert report["images"] == len(mixed)
    assert report["kept"] == 13
    assert sum(report["status"].values()) == len(mixed)
    assert (out / "report.txt").read_text().startswith(f"{len(mixed)} images, 13 kept")
    settings = json.loads((out / "prepare.json").read_text())
    assert settings["source"] == str(mixed.root)
    assert settings["detector"] == "marks"
    assert settings["config"]["crop"]["size"] == 32


def test_crops_are_the_aligned_faces_with_their_facts(mixed: Manifest, tmp_path: Path) -> None:
    prepared = quiet(mixed, tmp_path / "out").usable()
    crops = prepared.locate("crop")
    for crop, row in zip(crops, prepared.frame.to_dict("records"), strict=True):
        image = load_image(mixed.root / row["path"])
        (face,) = MarkDetector().detect(image)
        assert np.array_equal(load_image(crop), align(image, face, SMALL.crop, pad=4))
        assert row["sha256"] == sha256(mixed.root / row["path"])
        assert len(row["phash"]) == 64
        assert [float(n) for n in row["box"].split()] == pytest.approx(face.box, abs=0.005)
        assert len(row["landmarks"].split()) == 10
        assert row["detector"] == "marks"
    assert len(set(crops)) == len(crops)


def test_ready_crops_need_no_detector(tmp_path: Path) -> None:
    manifest = write_textures(tmp_path / "photos", 12, side=40)
    config = dataclasses.replace(SMALL, pad=0)
    prepared = quiet(manifest, tmp_path / "out", config, detector=None)
    assert (prepared.frame["status"] == "ok").all()
    assert (prepared.frame["detector"] == "none").all()
    assert (prepared.frame[["box", "landmarks"]] == "").all(axis=None)
    image = texture(0, 40)
    expected = align(image, whole_image(image, SMALL.crop), SMALL.crop)
    assert np.array_equal(load_image(prepared.locate("crop")[0]), expected)


def test_splits_are_the_ones_of_assign_splits(tmp_path: Path) -> None:
    manifest = write_textures(tmp_path / "photos", 30)
    prepared = quiet(manifest, tmp_path / "out")
    again = assign_splits(prepared, val=0.2, test=0.2, seed=0)
    assert prepared.frame["split"].tolist() == again.frame["split"].tolist()
    assert set(prepared.frame["split"]) == {"train", "val", "test"}


def test_given_splits_and_groups_are_kept_with_a_warning_where_they_clash(
    mixed: Manifest, tmp_path: Path
) -> None:
    splits = [["train", "test", ""][index % 3] for index in range(len(mixed))]
    given = Manifest(mixed.frame.assign(split=splits, group="one"), mixed.root)
    with pytest.warns(FacelageWarning, match="1 groups of near-duplicates or subjects"):
        prepared = quiet(given, tmp_path / "out").frame
    kept = prepared["status"] == "ok"
    assert prepared["split"][kept].tolist() == given.frame["split"][kept].tolist()
    assert (prepared["split"][~kept] == "").all()
    assert (prepared["group"][kept] == "one").all()


def test_too_few_faces_still_leave_a_report(tmp_path: Path) -> None:
    manifest = write_textures(tmp_path / "photos", 3)
    with pytest.raises(ManifestError, match="too few faces to split; got: 3 groups"):
        quiet(manifest, tmp_path / "out")
    assert "3 images, 3 kept" in (tmp_path / "out" / "report.txt").read_text()
    assert (Manifest.load(tmp_path / "out").frame["split"] == "").all()


def test_a_path_listed_twice_counts_once(tmp_path: Path) -> None:
    frame = write_textures(tmp_path / "photos", 12).frame
    frame.loc[[3, 7], "path"] = "000.png"
    frame.loc[[4, 5], "path"] = "004.png"
    frame.loc[4, "age"] = math.nan
    frame.loc[[8, 9], "path"] = "008.png"
    frame.loc[[8, 9], "age"] = [300, math.nan]
    frame.loc[7, "group"] = "ann"  # whose photo it is, only this row says
    prepared = quiet(Manifest(frame, tmp_path / "photos"), tmp_path / "out").frame
    assert prepared["group"].tolist()[0] == "ann"
    assert prepared["status"].tolist()[:3] == ["ok", "ok", "ok"]
    assert prepared["status"].tolist()[5] == "ok"  # the first possible age counts
    assert prepared["status"].tolist()[8] == "bad_label"  # none of its ages is possible
    for row in (3, 4, 7, 9):
        assert prepared["status"].tolist()[row] == "exact_duplicate"
        assert prepared["reason"].tolist()[row] == "the same path as in another row"


@pytest.mark.parametrize("layout", ["utkface", "folders"])
def test_the_output_may_lie_in_the_source_folder(layout: str, tmp_path: Path) -> None:
    for index in range(12):
        name = f"{index}_0_0_1.png" if layout == "utkface" else f"{index}/a.png"
        save_image(tmp_path / name, texture(index, 64))
    first = quiet(read_folder(tmp_path, layout), tmp_path / "out")
    again = quiet(read_folder(tmp_path, layout), tmp_path / "out")
    assert len(again) == 12
    assert again.frame.equals(first.frame)


def test_long_and_odd_names_make_short_crop_names(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    names = [f"{chr(0x1F600 + index)}{'😀' * 59}.png" for index in range(6)]
    names += [f'a, "b" {index}\'.png' for index in range(6)]
    for index, name in enumerate(names):
        save_image(root / "tmp.png", texture(index, 64))
        (root / "tmp.png").rename(root / name)
    manifest = from_records([{"path": name, "age": 30.0} for name in names], root)
    prepared = quiet(manifest, tmp_path / "out")
    assert (prepared.frame["status"] == "ok").all()
    assert all(path.is_file() for path in Manifest.load(tmp_path / "out").locate("crop"))


def test_other_settings_or_images_are_refused(tmp_path: Path) -> None:
    manifest = write_textures(tmp_path / "photos", 12)
    out = tmp_path / "out"
    quiet(manifest, out)
    before = (out / "manifest.csv").read_bytes()
    older = Manifest(manifest.frame.assign(age=manifest.frame["age"] + 1), manifest.root)
    fewer = Manifest(manifest.frame.iloc[:11], manifest.root)
    for other, change, options in (
        (manifest, {"seed": 1}, {}),
        (manifest, {"pad": 3}, {}),
        (manifest, {"filters": FilterConfig(min_sharpness=21)}, {}),
        (manifest, {"crop": CropSpec(size=33)}, {}),
        (manifest, {}, {"detector": None}),
        (older, {}, {}),
        (fewer, {}, {}),
    ):
        with pytest.raises(ConfigError, match="other settings or images"):
            quiet(other, out, dataclasses.replace(SMALL, **change), **options)
    assert (out / "manifest.csv").read_bytes() == before


def test_somebody_elses_manifest_is_not_overwritten(tmp_path: Path) -> None:
    manifest = write_textures(tmp_path, 12)
    manifest.save(tmp_path / "manifest.csv")
    with pytest.raises(ConfigError, match="did not write"):
        quiet(manifest, tmp_path)
    assert len(read_csv(tmp_path / "manifest.csv")) == 12


def test_paths_that_leave_the_folder_stop_it_before_anything_is_written(tmp_path: Path) -> None:
    manifest = from_records([{"path": "../x.png", "age": 3.0}], tmp_path / "photos")
    with pytest.raises(ManifestError, match="points outside"):
        quiet(manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change", [{"val": 0.9}, {"test": -1}, {"val": 0.5, "test": 0.5}, {"pad": 5}, {"pad": -1}]
)
def test_impossible_settings_are_told_at_once(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"out of range|too little"):
        dataclasses.replace(SMALL, **change)


def test_haar_and_a_real_portrait(astronaut: np.ndarray, tmp_path: Path) -> None:
    manifest = write_textures(tmp_path / "photos", 11)
    save_image(tmp_path / "photos" / "000.png", astronaut)
    with pytest.raises(ManifestError, match="got: 1 groups"):
        quiet(manifest, tmp_path / "out", detector=HaarDetector())
    frame = Manifest.load(tmp_path / "out").frame
    assert frame["status"].tolist() == ["ok"] + ["no_face"] * 10
    box = [float(number) for number in frame["box"][0].split()]
    assert Detection(tuple(box)).size == pytest.approx(95, abs=20)  # type: ignore[arg-type]
    assert (frame["landmarks"] == "").all()


def test_yunet_and_real_photos(shared: Path, yunet: Path, tmp_path: Path) -> None:
    source = read_folder(shared / "data" / "frl_london.csv")
    source = Manifest(source.frame.iloc[:14], source.root)
    prepared = quiet(source, tmp_path / "out", PrepareConfig(), detector=YuNetDetector(yunet))
    assert (prepared.frame["status"] == "ok").all()
    assert prepared.ages().tolist() == source.ages().tolist()
    for path in prepared.locate("crop"):
        assert load_image(path).shape == (160, 160, 3)


def test_a_finished_run_keeps_corrections_by_hand(tmp_path: Path) -> None:
    manifest = write_textures(tmp_path / "photos", 30)
    out = tmp_path / "out"
    first = quiet(manifest, out)
    corrected = Manifest(first.frame.assign(age=50.0), out)
    corrected.save(out / "manifest.csv")
    assert quiet(manifest, out).frame.equals(Manifest.load(out).frame)
    assert (Manifest.load(out).ages() == 50.0).all()
