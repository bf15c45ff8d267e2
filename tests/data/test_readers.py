from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.images import list_images
from facelage.data.readers import (
    GENDERS,
    RACES,
    parse_utkface_name,
    read_age_folders,
    read_csv,
    read_folder,
    read_utkface,
)
from facelage.errors import ImageNotFoundError, ManifestError
from facelage.files import write_bytes


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("name", "age", "gender", "race"),
    [
        ("25_1_3_20170104223100131.jpg.chip.jpg", 25, "female", "indian"),
        ("1_0_0_20161219140623097.jpg", 1, "male", "white"),
        ("24_0_1_20170116220224657 .jpg.chip.webp", 24, "male", "black"),
        ("61_1_20170109142408075.jpg.chip.webp", 61, "female", ""),
        ("61_3_20170109142408075.jpg", 61, "", ""),
        ("44__2_20170109142408075.jpg", 44, "", "asian"),
        ("53_9_9_20170109142408075.jpg", 53, "", ""),
        ("150_0_0_20170109142408075.jpg", None, "male", "white"),
        ("_1_0_20170109142408075.jpg", None, "female", "white"),
        ("-5_1_0_20170109142408075.jpg", None, "female", "white"),
        ("20170109142408075.jpg", None, "", ""),
        ("²_1_0_1.jpg", None, "female", "white"),
        ("portrait.jpg", None, "", ""),
        ("", None, "", ""),
    ],
)
def test_utkface_names(name: str, age: float | None, gender: str, race: str) -> None:
    assert parse_utkface_name(name) == {"age": age, "gender": gender, "race": race}


@given(st.integers(0, 122), st.integers(0, 1), st.integers(0, 4), st.integers(0, 10**17))
def test_well_formed_names_are_read_back(age: int, gender: int, race: int, date: int) -> None:
    found = parse_utkface_name(f"{age}_{gender}_{race}_{date}.jpg.chip.jpg")
    assert found == {"age": age, "gender": GENDERS[gender], "race": RACES[race]}


@given(st.text(st.sampled_from("0123456789_._ ab²٣-"), max_size=12))
def test_no_name_is_too_odd(name: str) -> None:
    found = parse_utkface_name(name)
    assert found["age"] is None or 0 <= found["age"] <= 122
    assert found["gender"] in ("", *GENDERS)
    assert found["race"] in ("", *RACES)


def test_a_utkface_folder_gives_all_its_images(tmp_path: Path) -> None:
    touch(tmp_path, "part1/30_0_0_1.jpg", "5_1_2_1.png", "unnamed.jpg", "list.txt")
    manifest = read_utkface(tmp_path)
    assert manifest.frame["path"].tolist() == ["5_1_2_1.png", "part1/30_0_0_1.jpg", "unnamed.jpg"]
    assert np.array_equal(manifest.ages(), [5, 30, math.nan], equal_nan=True)
    assert manifest.frame["race"].tolist() == ["asian", "white", ""]
    assert all(path.is_file() for path in manifest.locate())


def test_the_real_utkface_with_its_malformed_names(shared: Path) -> None:
    manifest = read_utkface(shared / "data" / "utkface")
    assert len(manifest) == 20_451
    assert not np.isnan(manifest.ages()).any()
    assert (manifest.ages() == np.rint(manifest.ages())).all()
    incomplete = manifest.frame[manifest.frame["race"] == ""]["path"].tolist()
    assert incomplete == [
        "39_1_20170116174525125.jpg.chip.webp",
        "61_1_20170109142408075.jpg.chip.webp",
        "61_1_20170109150557335.jpg.chip.webp",
    ]


def test_folders_named_by_age(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "34/a.jpg",
        "age_7/b.jpg",
        "Age-2.5/c.jpg",
        "20/35/d.jpg",
        "12/photos/e.jpg",
        "others/f.jpg",
        "034x/g.jpg",
        "h.jpg",
    )
    manifest = read_age_folders(tmp_path)
    ages = dict(zip(manifest.frame["path"], manifest.ages().tolist(), strict=True))
    known = {path: age for path, age in ages.items() if not math.isnan(age)}
    assert known == {
        "34/a.jpg": 34,
        "age_7/b.jpg": 7,
        "Age-2.5/c.jpg": 2.5,
        "20/35/d.jpg": 35,
        "12/photos/e.jpg": 12,
    }
    assert len(ages) == 8


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_with_named_columns(tmp_path: Path) -> None:
    path = table(
        tmp_path / "t.csv",
        "file,years,who,extra\na.jpg,30.5,ann,1\nb.jpg,unknown,bob,\nc.jpg,,,x\n",
    )
    manifest = read_csv(path, path_column="file", age_column="years", group_column="who")
    assert manifest.frame["path"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert np.array_equal(manifest.ages(), [30.5, math.nan, math.nan], equal_nan=True)
    assert manifest.frame["group"].tolist() == ["ann", "bob", ""]
    assert manifest.frame["extra"].tolist() == ["1", "", "x"]
    assert manifest.root == tmp_path
    assert read_csv(path, path_column="file", age_column="years", root="/else").root == Path(
        "/else"
    )


def test_a_named_column_wins_over_the_standard_one(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "path,age,apparent_age,url\na.jpg,30,33,http\n")
    manifest = read_csv(path, path_column="url", age_column="apparent_age")
    assert manifest.ages().tolist() == [33]
    assert manifest.frame["path"].tolist() == ["http"]
    assert manifest.frame["age_unused"].tolist() == ["30"]
    assert manifest.frame["path_unused"].tolist() == ["a.jpg"]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "file,years\na.jpg,3\n")
    with pytest.raises(ManifestError, match=r"no column 'path' or 'age'; got: file, years"):
        read_csv(path)
    with pytest.raises(ManifestError, match=r"no column 'subject'"):
        read_csv(path, path_column="file", age_column="years", group_column="subject")


@pytest.mark.parametrize("name", ["aaf", "lfw", "appa_real_dev", "frl_london"])
def test_the_real_tables(name: str, shared: Path) -> None:
    manifest = read_folder(shared / "data" / f"{name}.csv")
    assert np.isnan(manifest.ages()).sum() == (2 if name == "frl_london" else 0)
    assert all(path.is_file() for path in manifest.locate()[:20])


def test_the_layout_is_told_from_the_names(tmp_path: Path) -> None:
    utkface = touch(tmp_path / "u", "5_1_2_1.png", "30_0_0_1.jpg", "x.jpg")
    folders = touch(tmp_path / "f", "5/a.png", "6/b.png", "c.png")
    assert read_folder(utkface).frame["path"].equals(read_utkface(utkface).frame["path"])
    assert np.nanmax(read_folder(folders).ages()) == 6
    csv = table(tmp_path / "t.CSV", "path,age\na.jpg,3\n")
    assert read_folder(csv).ages().tolist() == [3]
    assert np.isnan(read_folder(folders, "utkface").ages()).all()


def test_an_unclear_layout_asks_for_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(ManifestError, match=r"2 images, 0 with UTKFace names.*--layout"):
        read_folder(tmp_path)
    with pytest.raises(ManifestError, match="unknown layout; got: 'imagenet'"):
        read_folder(tmp_path, "imagenet")
    for layout in ("auto", "utkface", "folders"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ImageNotFoundError, match="holds no image"):
            read_folder(tmp_path / "empty", layout)
        with pytest.raises(ImageNotFoundError, match="no such folder"):
            read_folder(tmp_path / "absent", layout)


@pytest.mark.parametrize("name", ["001_front.jpg", "20230514_101531.jpg", "img.jpg"])
def test_numbered_photos_in_folders_by_age_have_the_folders_ages(name: str, tmp_path: Path) -> None:
    for age in (1, 30, 40):
        write_bytes(tmp_path / str(age) / name, b"x")
    if name.startswith("001"):  # both could be meant: 30, or 1 as UTKFace names it
        with pytest.raises(ManifestError, match="can't tell where the ages are"):
            read_folder(tmp_path)
    else:
        assert sorted(read_folder(tmp_path).ages()) == [1, 30, 40]


def test_utkface_in_folders_by_age_is_read_either_way(tmp_path: Path) -> None:
    for age in (1, 30, 40):
        write_bytes(tmp_path / str(age) / f"{age}_0_0_2017.jpg", b"x")
    for layout in ("auto", "folders"):
        assert sorted(read_folder(tmp_path, layout).ages()) == [1, 30, 40]
    assert set(read_folder(tmp_path).frame["gender"]) == {"male"}


def test_what_prepare_wrote_below_is_not_read_as_photos(tmp_path: Path) -> None:
    for name in ("34/a.png", "34/crops/b.png", "done/crops/06/6-x.png", "done/ages.png"):
        write_bytes(tmp_path / name, b"x")
    (tmp_path / "done" / "prepare.json").touch()
    found = read_folder(tmp_path, "folders").frame["path"]
    assert sorted(found) == ["34/a.png", "34/crops/b.png"]
    # A prepared folder's own pictures are there for who asks for them.
    assert len(list_images(tmp_path / "done")) == 2
