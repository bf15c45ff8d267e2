from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import tiny
from facelage.data.align import CropSpec
from facelage.data.balance import balance_weights
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.errors import CheckpointError, ImageError, ManifestError, TrainingDivergedError
from facelage.evaluate import TorchModel, evaluate
from facelage.export.parity import torch_ages
from facelage.models import load_weights
from facelage.train import TrainConfig, trainer
from facelage.train.batches import Batch
from facelage.train.logs import EpochLog

FILES = ["best.safetensors", "config.json", "last.pt", "last.safetensors", "metrics.csv"]


def script_validation(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Validation losses of the coming epochs; training is untouched."""
    remaining = iter(values)

    def get_loss(*_: Any) -> Callable[..., torch.Tensor]:
        def loss(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                return (predicted - true) ** 2
            return torch.full_like(true, next(remaining))

        return loss

    monkeypatch.setattr(trainer, "get_loss", get_loss)


def epoch_of(path: Path) -> int:
    with safe_open(path, framework="np") as stream:
        return int(json.loads(stream.metadata()["facelage.epoch"]))


def test_the_loss_falls_where_there_is_something_to_learn(tmp_path: Path) -> None:
    faces = tiny.write_faces(tmp_path / "faces", {"train": 160, "val": 16})
    plain = {"augmentation": "none", "ema_decay": 0.9, "balance": 0.0}
    result = tiny.trainer(epochs=7, **plain).fit(faces, tmp_path / "run")
    first, last = result.history[0], result.history[-1]
    assert last.train_loss < 0.5 * first.train_loss
    assert result.best_val_loss < 0.6 * first.val_loss
    assert_figures(result.history[result.best_epoch - 1], result.folder, faces)


def assert_figures(entry: EpochLog, weights: Path, faces: Manifest) -> None:
    """An epoch's validation figures are those that `evaluate` finds."""
    summary = evaluate(TorchModel(weights), faces.usable("val"), rounds=1).figures["summary"]
    assert summary["mae"] == pytest.approx(entry.val_mae, abs=1e-3)
    assert summary["mse"] == pytest.approx(entry.val_loss, rel=1e-4)
    assert summary["cs5"] == entry.val_cs5


def test_a_run_leaves_its_files_and_nothing_else(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == FILES
    assert TrainConfig.load(run / "config.json") == tiny.config()
    with (run / "metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_the_crop_travels_with_the_weights(run: Path) -> None:
    for name in ("best.safetensors", "last.safetensors"):
        assert load_weights(run / name)[1] == tiny.CROP


def test_the_result_repeats_the_metrics_file(faces: Manifest, run: Path) -> None:
    result = tiny.trainer().fit(faces, run)
    with (run / "metrics.csv").open(encoding="utf-8") as stream:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]
    assert [entry.to_dict() for entry in result.history] == rows
    best = min(result.history, key=lambda entry: entry.val_loss)
    assert (result.best_epoch, result.best_val_loss) == (best.epoch, best.val_loss)


def test_validation_figures_are_those_of_the_saved_weights(faces: Manifest, run: Path) -> None:
    last = tiny.trainer().fit(faces, run).history[-1]
    assert_figures(last, run / "last.safetensors", faces)


def test_a_finished_run_returns_at_once(
    faces: Manifest, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CropStore", None)
    monkeypatch.setattr(trainer, "save_weights", None)
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    assert len(tiny.trainer().fit(faces, run).history) == 2
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == before


def test_other_settings_in_the_folder_are_refused(faces: Manifest, run: Path) -> None:
    with pytest.raises(CheckpointError, match="other settings"):
        tiny.trainer(epochs=3).fit(faces, run)


def other_age(faces: Manifest) -> Manifest:
    frame = faces.frame.copy()
    frame.loc[0, "age"] += 1
    return Manifest(frame, faces.root)


def one_less(faces: Manifest) -> Manifest:
    return Manifest(faces.frame.drop(index=1), faces.root)


def other_split(faces: Manifest) -> Manifest:
    frame = faces.frame.copy()
    frame.loc[frame["split"] == "test", "split"] = "val"
    return Manifest(frame, faces.root)


@pytest.mark.parametrize("change", [other_age, one_less, other_split])
def test_other_data_in_the_folder_is_refused(
    change: Callable[[Manifest], Manifest], faces: Manifest, run: Path
) -> None:
    with pytest.raises(CheckpointError, match="other data"):
        tiny.trainer().fit(change(faces), run)


def test_another_crop_in_the_folder_is_refused(faces: Manifest, run: Path) -> None:
    with pytest.raises(CheckpointError, match="other data"):
        tiny.trainer(crop=dataclasses.replace(tiny.CROP, box_side=1.0)).fit(faces, run)


def test_a_checkpoint_of_something_else_is_refused(faces: Manifest, tmp_path: Path) -> None:
    torch.save({"model": torch.zeros(1)}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match="not a run's"):
        tiny.trainer().fit(faces, tmp_path)


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split_is_refused(split: str, faces: Manifest, tmp_path: Path) -> None:
    left = Manifest(faces.frame[faces.frame["split"] != split], faces.root)
    with pytest.raises(ManifestError, match=f"{split} split is empty"):
        tiny.trainer().fit(left, tmp_path)


@pytest.mark.parametrize("age", [math.nan, -1.0, 400.0, math.inf])
def test_an_unusable_age_is_refused_by_name(age: float, faces: Manifest, tmp_path: Path) -> None:
    frame = faces.frame.copy()
    frame.loc[2, "age"] = age
    with pytest.raises(ManifestError, match=r"no usable age; got: 1 of 24, first train_002\.png"):
        tiny.trainer().fit(Manifest(frame, faces.root), tmp_path)


@pytest.mark.parametrize("size", [64, 33])
def test_crops_of_another_size_are_refused(size: int, faces: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="do not fit the model"):
        tiny.trainer(crop=CropSpec(size=size)).fit(faces, tmp_path)


def test_rows_without_a_crop_are_refused(faces: Manifest, tmp_path: Path) -> None:
    frame = faces.frame.copy()
    frame.loc[3, "crop"] = ""
    with pytest.raises(ManifestError, match="has no crop"):
        tiny.trainer().fit(Manifest(frame, faces.root), tmp_path)


@pytest.mark.parametrize("memory_gb", [0.0, 6.0])
def test_a_lost_crop_file_is_named(memory_gb: float, tmp_path: Path) -> None:
    faces = tiny.write_faces(tmp_path / "faces")
    (tmp_path / "faces/crops/train_005.png").unlink()
    with pytest.raises(ImageError, match="train_005"):
        tiny.trainer(memory_gb=memory_gb).fit(faces, tmp_path / "run")


def test_a_nan_loss_stops_with_step_and_file(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_loss(*_: Any) -> Callable[..., torch.Tensor]:
        return lambda predicted, true: torch.where(true > 89, torch.nan, (predicted - true) ** 2)

    monkeypatch.setattr(trainer, "get_loss", get_loss)
    with pytest.raises(TrainingDivergedError, match=r"epoch 1, step [123]; .*train_023\.png"):
        tiny.trainer(balance=0.0).fit(faces, tmp_path)
    assert not (tmp_path / "best.safetensors").exists()


def test_a_nan_in_validation_stops_and_keeps_the_last_good_epoch(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation(monkeypatch, [5.0, math.nan])
    with pytest.raises(TrainingDivergedError, match="validation loss is not finite after epoch 2"):
        tiny.trainer().fit(faces, tmp_path)
    assert epoch_of(tmp_path / "best.safetensors") == epoch_of(tmp_path / "last.safetensors") == 1


def test_faces_without_a_finite_age_are_named(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facelage.models.mobilenet import AgeMobileNetV2

    def forward(self: AgeMobileNetV2, images: torch.Tensor) -> torch.Tensor:
        ages = self.head.bias + images.mean((1, 2, 3))
        return ages if self.training else torch.where(images[:, 0, 0, 0] > 1.5, torch.nan, ages)

    monkeypatch.setattr(AgeMobileNetV2, "forward", forward)
    with pytest.raises(TrainingDivergedError, match=r"no finite age for \d faces: crops/val_00"):
        tiny.trainer().fit(faces, tmp_path)


def test_the_best_weights_are_those_of_the_lowest_validation_loss(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation(monkeypatch, [5.0, 3.0, 4.0])
    result = tiny.trainer(epochs=3).fit(faces, tmp_path)
    assert (result.best_epoch, result.best_val_loss) == (2, 3.0)
    assert epoch_of(tmp_path / "best.safetensors") == 2
    assert epoch_of(tmp_path / "last.safetensors") == 3


def test_training_stops_when_patience_ends_and_stays_stopped(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_validation(monkeypatch, [5.0, 3.0, 4.0, 3.0])  # a fifth epoch would find no value
    for _ in range(2):
        result = tiny.trainer(epochs=9, patience=2).fit(faces, tmp_path)
        assert [entry.val_loss for entry in result.history] == [5.0, 3.0, 4.0, 3.0]
        assert result.best_epoch == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "mse", "optimiser": "adam", "schedule": "step", "balance": 0.0},
        {"loss": "l1", "optimiser": "adamw", "schedule": "constant", "ema_decay": 0.0},
        {"loss": "huber", "schedule": "cosine", "augmentation": "real", "balance": 1.0},
        {"distribution": 3.0, "mixup": 0.5, "optimiser": "adam"},
        {"attributes": {"gender": 1.0}, "mixup": 0.5, "distribution": 1.0},
        {"bfloat16": True, "dropout": 0.0, "warmup_epochs": 3.0},
    ],
)
def test_every_setting_trains(changes: dict[str, Any], faces: Manifest, tmp_path: Path) -> None:
    few = Manifest(faces.frame.iloc[16:], faces.root)  # bfloat16 is slow where it is emulated
    result = tiny.trainer(epochs=1, **changes).fit(few, tmp_path)
    assert math.isfinite(result.best_val_loss)
    assert result.best_epoch == 1


def test_frozen_norms_learn_on_in_bfloat16_as_in_float32(
    faces: Manifest, run: Path, tmp_path: Path
) -> None:
    settings = {"frozen_norms": True, "frozen": (4, 0), "lr": 1e-3, "epochs": 2}
    before, losses, steps = load_weights(run)[0].state_dict(), [], []
    for bfloat16 in (False, True):
        folder = tmp_path / str(bfloat16)
        trainer = tiny.trainer(weights=str(run), bfloat16=bfloat16, **settings)
        losses.append([epoch.train_loss for epoch in trainer.fit(faces, folder).history])
        after = load_weights(folder / "last.safetensors")[0].state_dict()
        convolutions = [name for name, value in before.items() if value.ndim == 4]
        moved = [(after[name] - before[name]).flatten() for name in convolutions]
        steps.append(torch.cat(moved))
    # How far a few steps get is luck and depends on the processor; where they go does not.
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert torch.cosine_similarity(*steps, dim=0) > 0.9
    assert float(steps[1].norm() / steps[0].norm()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("frozen_norms", [False, True])
def test_frozen_norms_keep_the_statistics_of_the_initial_weights(
    frozen_norms: bool, faces: Manifest, run: Path, tmp_path: Path
) -> None:
    few = Manifest(faces.frame.iloc[16:], faces.root)
    tiny.trainer(epochs=1, weights=str(run), frozen_norms=frozen_norms).fit(few, tmp_path)
    before, after = (load_weights(folder)[0].state_dict() for folder in (run, tmp_path))
    same = {name for name, value in before.items() if torch.equal(value, after[name])}
    statistics = {name for name in before if "running" in name}
    assert len(statistics) == 104
    assert statistics & same == (statistics if frozen_norms else set())
    assert not any(name.endswith("weight") for name in same)


def test_the_sampler_is_told_strength_and_limit(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    draw = torch.utils.data.WeightedRandomSampler

    def sampler(weights: torch.Tensor, *rest: Any, **options: Any) -> Any:
        asked.append(np.asarray(weights))
        return draw(weights, *rest, **options)

    monkeypatch.setattr(torch.utils.data, "WeightedRandomSampler", sampler)
    tiny.trainer(epochs=1, balance=0.9, balance_limit=1.1).fit(faces, tmp_path)
    ages = faces.usable("train").ages()
    assert np.array_equal(asked, [balance_weights(ages, 0.9, limit=1.1)])
    assert not np.allclose(asked[0], balance_weights(ages, 0.9))


def test_a_seed_decides_the_weights(faces: Manifest, run: Path, tmp_path: Path) -> None:
    tiny.trainer().fit(faces, tmp_path / "same")
    tiny.trainer(seed=4).fit(faces, tmp_path / "other")
    wanted = (run / "best.safetensors").read_bytes()
    assert (tmp_path / "same/best.safetensors").read_bytes() == wanted
    assert (tmp_path / "other/best.safetensors").read_bytes() != wanted


def test_streamed_crops_give_the_same_weights(faces: Manifest, run: Path, tmp_path: Path) -> None:
    tiny.trainer(memory_gb=0.0).fit(faces, tmp_path)
    for name in ("best.safetensors", "last.safetensors", "metrics.csv"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes()


def test_nothing_global_changes(faces: Manifest, tmp_path: Path) -> None:
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002 - the global generator is what must stay as it is
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        tiny.trainer(epochs=1, threads=threads).fit(faces, tmp_path)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.is_grad_enabled()


def spied(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    seen: list[Batch] = []
    original = trainer.epoch_batches

    def spy(*args: Any, **options: Any) -> Any:
        for batch in original(*args, **options):
            seen.append(batch)
            yield batch

    monkeypatch.setattr(trainer, "epoch_batches", spy)
    return seen


def test_sizes_grow_over_the_run(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = spied(monkeypatch)
    tiny.trainer(epochs=3, batch_size=24, sizes=(32, 40, 48)).fit(faces, tmp_path)
    assert [tuple(batch.images.shape) for batch in seen] == [
        (24, 3, side, side) for side in (32, 40, 48)
    ]


def test_sources_are_weighed_and_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = tiny.write_faces(tmp_path / "more", {"train": 6, "val": 2})
    own = tiny.write_faces(tmp_path / "own")
    seen = spied(monkeypatch)
    tiny.trainer(epochs=1, balance=0.0, source_weights={"more": 0.25}).fit(
        [own, more], tmp_path / "run"
    )
    rows = np.concatenate([batch.rows for batch in seen])
    weights = np.concatenate([batch.weights.numpy() for batch in seen])
    assert sorted(rows) == list(range(30))
    assert np.array_equal(weights, np.where(rows >= 24, 0.25, 1.0).astype(np.float32))


def test_ages_are_weighed(faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spied(monkeypatch)
    tiny.trainer(epochs=1, age_weights={"20": 3.0, "60": 1.0}).fit(faces, tmp_path)
    ages = faces.usable("train").ages()[np.concatenate([batch.rows for batch in seen])]
    weights = np.concatenate([batch.weights.numpy() for batch in seen])
    assert np.allclose(weights, np.interp(ages, [20, 60], [3, 1]))
    assert len(set(weights)) > 1


def test_progress_tells_an_epoch_a_line(
    faces: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = trainer.Trainer(tiny.config(epochs=1), crop=tiny.CROP, progress=True)
    loud.fit(faces, tmp_path)
    printed = capsys.readouterr()
    assert "epoch 1: train loss" in printed.err
    assert "*best" in printed.err
    assert printed.out == ""


def test_a_teacher_changes_the_kept_neuron_as_far_as_it_is_blended_in(
    faces: Manifest, tmp_path: Path
) -> None:
    # The teacher calls everybody 100: a share of it lifts every age.
    frame = faces.frame.assign(elder="100")
    taught = Manifest(frame, faces.root)
    means = []
    for share in (0.0, 0.5):
        folder = tmp_path / str(share)
        tiny.trainer(
            epochs=3, lr=3e-3, teachers={"elder": 1.0}, blend={"elder": share}, ema_decay=0.0
        ).fit(taught, folder)
        model, crop = load_weights(folder / "last.safetensors")
        store = CropStore(faces.usable("val"))
        rows = np.arange(len(store))
        means.append(float(torch_ages(model, store.canonical(rows, crop), crop).mean()))
    assert means[1] > means[0] + 5


@pytest.mark.parametrize(
    "more",
    [
        {"distribution": 3.0},
        {"attributes": {"gender": 3.0}},
        {"embeddings": {"face": 3.0}, "bfloat16": True},
    ],
)
def test_other_heads_change_the_weights_and_leave_no_trace(
    more: dict[str, Any], faces: Manifest, run: Path, tmp_path: Path
) -> None:
    texts = [f"{row} {row % 3}" for row in range(len(faces))]
    tiny.trainer(**more).fit(Manifest(faces.frame.assign(face=texts), faces.root), tmp_path)
    shaped, _ = load_weights(tmp_path / "last.safetensors")
    plain, _ = load_weights(run / "last.safetensors")
    assert shaped.state_dict().keys() == plain.state_dict().keys()
    assert not torch.equal(shaped.head.weight, plain.head.weight)
