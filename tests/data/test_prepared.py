from __future__ import annotations

import json
from pathlib import Path

import pytest

from facelage.data.align import CropSpec
from facelage.data.prepared import agreed_crop, prepared_crop
from facelage.errors import ConfigError


def write(folder: Path, crop: CropSpec) -> Path:
    folder.mkdir()
    settings = {"config": {"crop": json.loads(crop.to_json())}}
    (folder / "prepare.json").write_text(json.dumps(settings))
    return folder


def test_the_crop_is_read_from_the_folder_or_a_manifest_in_it(tmp_path: Path) -> None:
    crop = CropSpec(size=64, box_side=1.4)
    folder = write(tmp_path / "faces", crop)
    assert prepared_crop(folder) == crop
    assert prepared_crop(folder / "manifest.csv") == crop
    assert prepared_crop(tmp_path) is None


def test_folders_agree_with_each_other_and_with_what_is_asked_for(tmp_path: Path) -> None:
    small, other = CropSpec(size=64), CropSpec(size=64, box_side=1.4)
    one, two = write(tmp_path / "one", small), write(tmp_path / "two", other)
    silent = tmp_path / "silent"
    assert agreed_crop([]) == CropSpec()
    assert agreed_crop([silent, one]) == small
    assert agreed_crop([silent], other) == other
    with pytest.raises(ConfigError, match="another crop"):
        agreed_crop([one, two])
    with pytest.raises(ConfigError, match="another crop"):
        agreed_crop([one], other)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"config": 3}'])
def test_damaged_settings_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "prepare.json").write_text(text)
    with pytest.raises(ConfigError, match=r"prepare\.json"):
        prepared_crop(tmp_path)
