from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import tiny
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.errors import CheckpointError, ConfigError, FacelageError, WeightsError
from facelage.export.parity import torch_ages
from facelage.models import load_weights
from facelage.train import trainer
from facelage.train.live import LiveTeachers, with_answers


def write_teacher(
    path: Path,
    ages: tuple[str, ...] = ("elder",),
    vectors: tuple[str, ...] = (),
    *,
    plus: float = 50.0,
    channels: int = 3,
    inputs: int = 1,
    sides: tuple[object, object] = ("h", "w"),
    width: int = 1,
) -> str:
    """Ages are the crop's mean times ten `plus` so much; vectors its mean and its negative."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["flat"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["flat", "one"], ["mean"]),
        helper.make_node("Neg", ["mean"], ["less"]),
        helper.make_node("Mul", ["mean", "ten"], ["times"]),
    ]
    nodes += [
        helper.make_node("Concat", ["times"] * width, ["wide"], axis=1),
        *(helper.make_node("Add", ["wide", "plus"], [name]) for name in ages),
    ]
    nodes += [helper.make_node("Concat", ["mean", "less"], [name], axis=1) for name in vectors]
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", channels, *sides])
    more = [helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n"])] * (inputs - 1)
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", numbers])
        for names, numbers in ((ages, width), (vectors, 2))
        for name in names
    ]
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("ten", TensorProto.FLOAT, [], [10.0]),
        helper.make_tensor("plus", TensorProto.FLOAT, [], [plus]),
    ]
    graph = helper.make_graph(nodes, "teacher", [given, *more], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return str(path)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (5, 3, 48, 40)])
def test_answers_come_by_the_outputs_names_for_every_size(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    files = [
        write_teacher(tmp_path / "a.onnx", ("elder",), ("face",)),
        write_teacher(tmp_path / "b.onnx", ("younger",), plus=0.0),
    ]
    live = LiveTeachers(files, ["elder", "younger", "written"], ["face"])
    images = torch.randn(shape).to(memory_format=torch.channels_last)
    said = live.ask(images)
    means = images.mean((1, 2, 3))
    assert said.keys() == {"elder", "younger", "face"}
    assert torch.allclose(said["elder"], 50 + 10 * means, atol=1e-4)
    assert torch.allclose(said["younger"], 10 * means, atol=1e-4)
    assert torch.allclose(said["face"], torch.stack([means, -means], 1), atol=1e-5)
    assert (live.teachers, live.components) == (["elder", "younger"], {"face": 2})
    assert ["elder" in live, "face" in live, "written" in live] == [True, True, False]


def test_nobody_to_ask_says_nothing() -> None:
    live = LiveTeachers()
    assert not live
    assert live.ask(torch.zeros(2, 3, 32, 32)) == {}


def test_only_columns_that_were_said_change() -> None:
    targets = torch.arange(6.0).reshape(2, 3)
    said = {"b": torch.tensor([70.0, 80.0]), "face": torch.zeros(2, 4)}
    filled = with_answers(targets, ["a", "b"], said)
    assert torch.equal(filled[:, :2], targets[:, :2])
    assert filled[:, 2].tolist() == [70.0, 80.0]
    assert torch.equal(targets, torch.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda path: str(path), WeightsError, "no such live teacher"),
        (lambda path: garbage(path), WeightsError, "can't be opened"),
        (lambda path: write_teacher(path, channels=1), WeightsError, "other inputs"),
        (lambda path: write_teacher(path, inputs=2), WeightsError, "other inputs"),
        (lambda path: write_teacher(path, ("wise",)), ConfigError, "output wise of .*elder"),
        (lambda path: write_teacher(path, vectors=("voice",)), ConfigError, "voice.*face"),
        (lambda path: write_teacher(path, width=3), ConfigError, "elder of .*N x 1"),
        (lambda path: write_teacher(path, sides=(64, 64)), WeightsError, "of 32, 48 pixels"),
        (lambda path: write_teacher(path, sides=(32, 32)), WeightsError, "of 48 pixels"),
        (lambda path: write_teacher(path, sides=(32, 48)), WeightsError, "of 32, 48 pixels"),
        (lambda path: write_teacher(path, sides=("h", 48)), WeightsError, "of 32 pixels"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    write: Callable[[Path], str], error: type[FacelageError], words: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "teacher.onnx")
    with pytest.raises(error, match=words) as caught:
        LiveTeachers([file], ["elder"], ["face"], sizes=(32, 32, 48))
    assert "teacher.onnx" in str(caught.value)


def test_a_teacher_of_one_size_serves_a_run_of_that_size(faces: Manifest, tmp_path: Path) -> None:
    file = write_teacher(tmp_path / "teacher.onnx", sides=(40, 40))
    settings = {"epochs": 1, "teachers": {"elder": 1.0}, "live": (file,)}
    tiny.trainer(**settings, sizes=(40,)).fit(faces, tmp_path / "run")
    with pytest.raises(WeightsError, match=f"of {tiny.CROP.size} pixels"):
        tiny.trainer(**settings).fit(faces, tmp_path / "other")


def test_more_than_an_age_for_each_face_is_refused_when_only_the_answer_shows_it(
    tmp_path: Path,
) -> None:
    rows = helper.make_node("ReduceMean", ["images"], ["elder"], axes=[1, 3], keepdims=0)
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])
    said = helper.make_tensor_value_info("elder", TensorProto.FLOAT, ["n", "h"])
    graph = helper.make_graph([rows], "teacher", [given], [said])
    opset = helper.make_opsetid("", 13)
    file = tmp_path / "teacher.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), file)
    with pytest.raises(ConfigError, match=r"elder of shape \(2, 32\) for 2 crops"):
        LiveTeachers([str(file)], ["elder"]).ask(torch.zeros(2, 3, 32, 32))


def garbage(path: Path) -> str:
    path.write_bytes(b"no network")
    return str(path)


def test_a_column_has_one_teacher(tmp_path: Path) -> None:
    files = [write_teacher(tmp_path / name) for name in ("a.onnx", "b.onnx")]
    with pytest.raises(ConfigError, match=r"one column; got: elder in .*b\.onnx"):
        LiveTeachers(files, ["elder"])


def test_training_asks_about_the_very_crops_it_learns_from(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_teacher(tmp_path / "teacher.onnx")
    learned, wanted = [], []
    forward, losses = trainer.TaughtModel.forward, trainer.taught_losses

    def seen(self: Any, images: torch.Tensor, **options: Any) -> Any:
        if torch.is_grad_enabled():
            learned.append(images.detach().clone())
        return forward(self, images, **options)

    def asked(predicted: torch.Tensor, targets: torch.Tensor, *rest: Any) -> torch.Tensor:
        wanted.append(targets)
        return losses(predicted, targets, *rest)

    monkeypatch.setattr(trainer.TaughtModel, "forward", seen)
    monkeypatch.setattr(trainer, "taught_losses", asked)
    tiny.trainer(epochs=1, teachers={"elder": 1.0}, live=(file,)).fit(faces, tmp_path / "run")
    shown = [50 + 10 * images.mean((1, 2, 3)) for images in learned]
    assert len(shown) == 3
    for said, targets in zip(shown, wanted, strict=True):
        assert torch.allclose(targets[:, 1], said, atol=1e-3)


def test_a_live_teacher_may_be_asked_about_the_crop_before_its_damage(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_teacher(tmp_path / "teacher.onnx")
    batches, asked = [], []
    make, ask = trainer.epoch_batches, LiveTeachers.ask

    def made(*arguments: Any, **options: Any) -> Any:
        for batch in make(*arguments, **options):
            batches.append(batch)
            yield batch

    def seen(self: LiveTeachers, images: torch.Tensor) -> Any:
        asked.append(images)
        return ask(self, images)

    monkeypatch.setattr(trainer, "epoch_batches", made)
    monkeypatch.setattr(LiveTeachers, "ask", seen)
    settings = {"epochs": 1, "teachers": {"elder": 1.0}, "live": (file,), "damage": 1.0}
    for whole in (True, False):
        batches.clear(), asked.clear()
        tiny.trainer(**settings, augmentation="real", live_whole=whole).fit(
            faces, tmp_path / str(whole)
        )
        assert len(batches) == len(asked) == 3
        for batch, images in zip(batches, asked, strict=True):
            assert torch.equal(images, batch.whole if whole else batch.images)
            assert torch.equal(batch.whole, batch.images) is not whole


def test_a_run_with_views_asks_less_and_is_told_the_same(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_teacher(tmp_path / "teacher.onnx")
    asked, told = [], []
    ask, fill = LiveTeachers.ask, trainer.with_answers
    make = trainer.epoch_batches

    def made(*arguments: Any, **options: Any) -> Any:
        for batch in make(*arguments, **options):
            told.append(batch.whole)
            yield batch

    def counted(self: LiveTeachers, images: torch.Tensor) -> Any:
        asked.append(len(images))
        return ask(self, images)

    def filled(targets: torch.Tensor, teachers: Any, said: Any) -> torch.Tensor:
        result = fill(targets, teachers, said)
        expected = 50 + 10 * told[-1].mean((1, 2, 3))  # what the teacher says of these crops
        assert torch.allclose(result[:, 1], expected, atol=1e-3)
        return result

    monkeypatch.setattr(trainer, "epoch_batches", made)
    monkeypatch.setattr(LiveTeachers, "ask", counted)
    monkeypatch.setattr(trainer, "with_answers", filled)
    tiny.trainer(
        epochs=6,
        balance=0.0,
        augmentation="real",
        teachers={"elder": 1.0},
        live=(file,),
        live_whole=True,
        live_views=2,
    ).fit(faces, tmp_path / "run")
    shown = sum(map(len, told))
    assert sum(asked) <= 2 * len(faces.usable("train")) < shown / 2


def test_a_live_teacher_changes_the_kept_neuron_as_a_written_one(
    faces: Manifest, tmp_path: Path
) -> None:
    file = write_teacher(tmp_path / "teacher.onnx", plus=150.0)
    means = []
    for share in (0.0, 0.5):
        folder = tmp_path / str(share)
        tiny.trainer(
            epochs=3, lr=3e-3, teachers={"elder": 1.0}, blend={"elder": share}, live=(file,)
        ).fit(faces, folder)
        model, crop = load_weights(folder / "last.safetensors")
        store = CropStore(faces.usable("val"))
        crops = store.canonical(np.arange(len(store)), crop)
        means.append(float(torch_ages(model, crops, crop).mean()))
    assert means[1] > means[0] + 5


def test_a_live_embedding_shapes_the_features(faces: Manifest, run: Path, tmp_path: Path) -> None:
    file = write_teacher(tmp_path / "teacher.onnx", (), ("face",))
    tiny.trainer(embeddings={"face": 3.0}, live=(file,)).fit(faces, tmp_path / "run")
    shaped, _ = load_weights(tmp_path / "run")
    plain, _ = load_weights(run)
    assert shaped.state_dict().keys() == plain.state_dict().keys()
    assert not torch.equal(shaped.head.weight, plain.head.weight)


def test_a_run_goes_on_with_the_same_teacher_only(faces: Manifest, tmp_path: Path) -> None:
    first = write_teacher(tmp_path / "teacher.onnx")
    settings = {"teachers": {"elder": 1.0}, "live": (first,)}
    tiny.trainer(**settings).fit(faces, tmp_path / "run")
    moved = str(tmp_path / "moved.onnx")
    Path(first).rename(moved)
    result = tiny.trainer(**settings | {"live": (moved,)}).fit(faces, tmp_path / "run")
    assert len(result.history) == 2
    write_teacher(Path(first), plus=60.0)
    with pytest.raises(CheckpointError, match="other data"):
        tiny.trainer(**settings).fit(faces, tmp_path / "run")
    with pytest.raises(CheckpointError, match="other settings"):
        tiny.trainer(**settings | {"live": ()}).fit(
            Manifest(faces.frame.assign(elder="50"), faces.root), tmp_path / "run"
        )
