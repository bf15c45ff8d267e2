from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facelage.errors import CheckpointError
from facelage.train.checkpoint import load_checkpoint, save_checkpoint


class Touch:
    """Creates a file when unpickled by a careless loader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_tensors_and_plain_data_come_back(tmp_path: Path) -> None:
    state = {
        "tensor": torch.arange(6.0).reshape(2, 3),
        "nested": {"list": [1, 2.5, "text", None, True], "infinite": float("inf")},
    }
    save_checkpoint(tmp_path / "last.pt", state)
    found = load_checkpoint(tmp_path / "last.pt")
    assert torch.equal(found.pop("tensor"), state.pop("tensor"))
    assert found == state
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("save", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))])
def test_code_in_a_pickle_is_refused_and_not_run(save: Any, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    save({"model": Touch(trap)}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="can't be loaded"):
        load_checkpoint(tmp_path / "last.pt")
    assert not trap.exists()
    torch.load(tmp_path / "last.pt", weights_only=False) if save is torch.save else pickle.loads(
        (tmp_path / "last.pt").read_bytes()
    )
    assert trap.exists()  # so the trap is a real one


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(1, 1), tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="can't be loaded"):
        load_checkpoint(tmp_path / "last.pt")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_a_broken_file_is_a_named_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"can't be loaded; got: .*last\.pt: \w"):
        load_checkpoint(tmp_path / "last.pt")


def test_a_truncated_file_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"tensor": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="can't be loaded"):
        load_checkpoint(path)


def test_something_other_than_a_dictionary_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="got: a list"):
        load_checkpoint(tmp_path / "last.pt")


def test_a_missing_file_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_checkpoint(tmp_path / "last.pt")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"epoch": 1})
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint(path, {"tensor": torch.zeros(9), "bad": lambda: np.nan})
    assert load_checkpoint(path) == {"epoch": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["last.pt"]
