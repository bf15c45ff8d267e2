from __future__ import annotations

import sys
from pathlib import Path

import pytest

import tiny
from facelage.data.manifest import Manifest
from facelage.errors import MissingDependencyError
from facelage.train.logs import EpochLog, RunLog

FIRST = EpochLog(1, 30.5, 20.25, 4.0, 0.75, 1e-3)
SECOND = EpochLog(2, 20.5, 10.25, 3.0, 0.8, 1e-4)


def test_the_metrics_file_has_a_line_an_epoch(tmp_path: Path) -> None:
    log = RunLog(tmp_path, progress=False, tensorboard=False)
    log.epoch(FIRST, [FIRST], best=True)
    log.epoch(SECOND, [FIRST, SECOND], best=True)
    log.close()
    assert (tmp_path / "metrics.csv").read_bytes() == (
        b"epoch,train_loss,val_loss,val_mae,val_cs5,lr\n"
        b"1,30.5,20.25,4.0,0.75,0.001\n"
        b"2,20.5,10.25,3.0,0.8,0.0001\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize(("progress", "best"), [(True, True), (True, False), (False, True)])
def test_a_line_an_epoch_goes_to_standard_error(
    progress: bool, best: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RunLog(tmp_path, progress=progress, tensorboard=False).epoch(FIRST, [FIRST], best=best)
    printed = capsys.readouterr()
    line = "epoch 1: train loss 30.500, val loss 20.250, MAE 4.000 years, CS@5 75.0%"
    assert printed.err == (line + ("  *best" if best else "") + "\n" if progress else "")
    assert printed.out == ""


def test_tensorboard_gets_every_figure(faces: Manifest, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard (an extra) is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = tiny.trainer(tensorboard=True).fit(faces, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    names = ["lr", "train_loss", "val_cs5", "val_loss", "val_mae"]
    assert sorted(events.Tags()["scalars"]) == names
    for name in names:
        found = {event.step: event.value for event in events.Scalars(name)}
        wanted = {entry.epoch: getattr(entry, name) for entry in result.history}
        assert found == pytest.approx(wanted, rel=1e-6)


def test_a_finished_run_adds_no_events(faces: Manifest, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard (an extra) is not installed")
    for _ in range(2):
        tiny.trainer(epochs=1, tensorboard=True).fit(faces, tmp_path)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


def test_a_missing_tensorboard_is_named_before_training(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"facelage\[tensorboard\]"):
        tiny.trainer(tensorboard=True).fit(faces, tmp_path)
    assert not (tmp_path / "metrics.csv").exists()
