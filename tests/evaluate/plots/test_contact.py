from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facelage.data.align import CropSpec
from facelage.evaluate import plots
from facelage.evaluate.plots.contact import face_picture, worst
from plots import made

RED, BLUE = (200, 30, 30), (30, 30, 200)


def paint(path: Path, colour: tuple[int, int, int], shape: tuple[int, int] = (60, 60)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*shape, 3), colour, np.uint8)
    assert cv2.imwrite(str(path), pixels[:, :, ::-1])


def shown(row: dict[str, Any], folder: Path, size: int | None = None) -> np.ndarray | None:
    import pandas as pd

    return face_picture(pd.Series(row), folder.resolve(), size)


def tiles(figure: Any) -> list[np.ndarray]:
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_the_worst_come_first_and_failures_never() -> None:
    frame = made.faces(30, failures=4)
    frame.loc[5, "predicted"] = frame.loc[5, "age"] - 200
    frame.loc[6, "predicted"] = frame.loc[6, "age"] + 150
    rows = worst(made.evaluation(frame), 10)
    assert list(rows.index[:2]) == [5, 6]
    assert list(rows["error"][:2]) == [-200, 150]
    assert rows["error"].abs().is_monotonic_decreasing
    assert rows["predicted"].notna().all()


def test_equal_errors_come_by_path() -> None:
    frame = made.faces(6, failures=0).sample(frac=1, random_state=1)
    frame["predicted"] = frame["age"] + 4
    assert list(worst(made.evaluation(frame), 6)["path"]) == sorted(frame["path"])


def test_photos_are_shown_with_both_ages(tmp_path: Path) -> None:
    frame = made.faces(12, failures=2)
    for path in frame["path"]:
        paint(tmp_path / path, RED)
    figure = plots.worst_faces(made.evaluation(frame), tmp_path, count=7)
    assert len(tiles(figure)) == 7
    assert all((tile.reshape(-1, 3).mean(0) - RED < 4).all() for tile in tiles(figure))
    first = worst(made.evaluation(frame), 1).iloc[0]
    said = figure.axes[0].get_title()
    assert said.startswith(f"{first['age']:.0f} → {first['predicted']:.0f} (")
    assert "The 7 largest errors" in figure.texts[0].get_text()
    assert "n = 10 faces" in figure.texts[1].get_text()
    assert plots.png(figure, dpi=50)


def test_a_missing_broken_or_foreign_file_is_a_grey_tile(tmp_path: Path) -> None:
    frame = made.faces(5, failures=0)
    folder = tmp_path / "data"
    paint(folder / frame.loc[0, "path"], RED)
    paint(tmp_path / "secret.png", RED)
    (folder / frame.loc[1, "path"]).write_bytes(b"no image")
    frame.loc[2, "path"] = "../secret.png"
    frame.loc[3, "path"] = str(tmp_path / "secret.png")
    frame.loc[4, "path"] = "null\0byte.png"
    figure = plots.worst_faces(made.evaluation(frame), folder)
    red = [tile for tile in tiles(figure) if tile[..., 0].mean() > tile[..., 2].mean() + 50]
    assert (len(tiles(figure)), len(red)) == (5, 1)
    assert plots.png(figure, dpi=50)


def test_prepared_crops_come_before_photos_and_lose_their_margin(tmp_path: Path) -> None:
    paint(tmp_path / "photo.png", RED)
    paint(tmp_path / "crops" / "a.png", BLUE, (40, 40))
    row = {"path": "photo.png", "crop": "crops/a.png"}
    picture = shown(row, tmp_path, size=32)
    assert picture is not None
    assert picture.shape == (32, 32, 3)
    assert tuple(picture[0, 0]) == BLUE
    (tmp_path / "crops" / "a.png").unlink()
    picture = shown(row, tmp_path)
    assert picture is not None
    assert tuple(picture[0, 0]) == RED


def test_the_margin_is_known_from_prepare_json(tmp_path: Path) -> None:
    settings = f'{{"config": {{"crop": {CropSpec(size=32).to_json()}}}}}'
    (tmp_path / "prepare.json").write_text(settings, encoding="utf-8")
    frame = made.faces(1, failures=0).assign(crop="a.png")
    paint(tmp_path / "a.png", BLUE, (40, 40))
    (tile,) = tiles(plots.worst_faces(made.evaluation(frame), tmp_path))
    assert tile.shape == (32, 32, 3)


def test_a_photo_is_cut_by_its_box(tmp_path: Path) -> None:
    pixels = np.full((300, 400, 3), RED, np.uint8)
    pixels[100:200, 200:300] = BLUE
    assert cv2.imwrite(str(tmp_path / "p.png"), pixels[:, :, ::-1])
    row: dict[str, Any] = {"path": "p.png", "box": "215 110 285 190", "landmarks": ""}
    whole = shown({"path": "p.png"}, tmp_path)
    cut = shown(row, tmp_path)
    assert whole is not None
    assert cut is not None
    assert whole.shape[0] == whole.shape[1]
    blue = [(face[..., 2] > 150).mean() for face in (whole, cut)]
    assert blue[0] < 0.2
    assert blue[1] > 0.8
    eyes = "230 130 270 130 250 150 235 170 265 170"
    by_points = shown(row | {"landmarks": eyes}, tmp_path)
    assert by_points is not None
    assert not np.array_equal(by_points, cut)


@pytest.mark.parametrize("box", ["1 2 3", "a b c d", "5 5 1 1", float("nan")])
def test_an_impossible_box_loses_one_tile_at_most(tmp_path: Path, box: Any) -> None:
    paint(tmp_path / "p.png", RED)
    frame = made.faces(1, failures=0).assign(path="p.png", box=box, landmarks="1 2")
    assert len(tiles(plots.worst_faces(made.evaluation(frame), tmp_path))) == 1
