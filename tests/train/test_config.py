from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError
from facelage.train import TrainConfig
from facelage.train.config import AUGMENTATIONS, LOSSES, OPTIMISERS, SCHEDULES

configs = st.builds(
    TrainConfig,
    epochs=st.integers(3, 100),  # as many as sizes at least
    loss=st.sampled_from(LOSSES),
    optimiser=st.sampled_from(OPTIMISERS),
    schedule=st.sampled_from(SCHEDULES),
    augmentation=st.sampled_from(AUGMENTATIONS),
    lr=st.floats(1e-6, 1),
    sizes=st.lists(st.integers(32, 512), max_size=3).map(tuple),
    frozen=st.lists(st.integers(0, 19), max_size=3).map(tuple),
    source_weights=st.dictionaries(st.text(max_size=5), st.floats(0, 9), max_size=3),
    age_weights=st.dictionaries(st.integers(0, 99).map(str), st.floats(0, 9), max_size=3),
    teachers=st.dictionaries(st.text(max_size=5), st.floats(0, 9), max_size=3),
    attributes=st.dictionaries(st.text(max_size=5), st.floats(0, 9), max_size=3),
    embeddings=st.dictionaries(st.text(max_size=5), st.floats(0, 9), max_size=3),
    mixup=st.floats(0, 1),
    distribution=st.floats(0, 9),
    backbone=st.none() | st.text(),
    seed=st.integers(0, 2**63 - 1),
    frozen_norms=st.booleans(),
    bfloat16=st.booleans(),
)


@given(configs)
def test_settings_survive_json(config: TrainConfig) -> None:
    assert TrainConfig.from_json(config.to_json()) == config
    assert TrainConfig.from_json(config.to_json()).to_json() == config.to_json()


def test_settings_left_out_take_their_defaults() -> None:
    assert TrainConfig.from_json('{"epochs": 3}') == TrainConfig(epochs=3)


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(TrainConfig(lr=0.01).to_json(), encoding="utf-8")
    assert TrainConfig.load(path) == TrainConfig(lr=0.01)
    with pytest.raises(ConfigError, match="no such settings file"):
        TrainConfig.load(tmp_path / "other.json")


@pytest.mark.parametrize("text", ["", "{", "3", "[1]", "[]", '"epochs"', "null"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        TrainConfig.from_json(text)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown settings; got: epoch;.*expected:.* epochs"):
        TrainConfig.from_json('{"epoch": 3}')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("huber_delta", 0.0),
        ("lr", 0.0),
        ("lr", math.nan),
        ("weight_decay", -0.1),
        ("warmup_epochs", -1.0),
        ("ema_decay", 1.0),
        ("dropout", 1.0),
        ("balance", 1.1),
        ("balance", -0.1),
        ("balance_limit", 0.9),
        ("balance_limit", math.nan),
        ("distribution", -0.1),
        ("distribution", math.inf),
        ("patience", -1),
        ("seed", -1),
        ("threads", -1),
        ("memory_gb", -1.0),
        ("memory_gb", math.nan),
        ("sizes", (16,)),
        ("sizes", (96, 1024)),
        ("source_weights", {"lfw": -0.5}),
        ("source_weights", {"lfw": math.nan}),
        ("source_weights", {"lfw": math.inf}),
        ("age_weights", {"20": -1.0}),
    ],
)
def test_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} (is|are) out of range"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize("name", ["loss", "optimiser", "schedule", "augmentation"])
def test_an_unknown_choice_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown {name}; got: 'huge'; expected: .*, "):
        TrainConfig(**{name: "huge"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", "12"),
        ("epochs", 2.5),
        ("epochs", True),
        ("epochs", None),
        ("lr", "fast"),
        ("loss", 3),
        ("backbone", 3),
        ("bfloat16", "yes"),
        ("sizes", 96),
        ("sizes", ["96"]),
        ("sizes", [96.5]),
        ("live", "teacher.onnx"),
        ("live", [3]),
        ("source_weights", ["lfw"]),
        ("source_weights", {"lfw": "half"}),
        ("age_weights", {"20": "half"}),
        ("age_weights", {20: 2.0}),  # would come back from JSON as another setting
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} is of the wrong kind"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize("ages", [["young"], ["-1"], ["nan"], ["inf"], ["20", "20.0"]])
def test_age_weights_need_ages_each_once(ages: list[str]) -> None:
    with pytest.raises(ConfigError, match="age_weights names no ages, or one twice"):
        TrainConfig(age_weights=dict.fromkeys(ages, 2.0))


def test_a_caller_cannot_change_settings_afterwards() -> None:
    sizes, weights = [96, 128], {"lfw": 0.5}
    config = TrainConfig(sizes=sizes, source_weights=weights)  # type: ignore[arg-type]
    sizes.append(160)
    weights["lfw"] = 1.0
    assert config.sizes == (96, 128)
    assert config.source_weights == {"lfw": 0.5}
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.epochs = 3  # type: ignore[misc]


def test_a_blend_needs_its_teachers_and_leaves_something_to_the_label() -> None:
    assert TrainConfig(teachers={"a": 1.0}, blend={"a": 1.0}).blend == {"a": 1.0}
    with pytest.raises(ConfigError, match="teachers that are not there; got: b; expected: a"):
        TrainConfig(teachers={"a": 1.0}, blend={"b": 0.1})
    with pytest.raises(ConfigError, match="blend is out of range"):
        TrainConfig(teachers={"a": 1.0, "b": 1.0}, blend={"a": 0.6, "b": 0.6})
    with pytest.raises(ConfigError, match="teachers are out of range"):
        TrainConfig(teachers={"a": -1.0})


def test_a_backbone_and_trained_weights_exclude_each_other() -> None:
    assert TrainConfig(weights="default").backbone is None
    with pytest.raises(ConfigError, match="one of them"):
        TrainConfig(backbone="torchvision", weights="default")


@pytest.mark.parametrize("name", ["sizes", "frozen"])
def test_what_an_epoch_at_least_each_does_not_fit_is_refused(name: str) -> None:
    values = {"sizes": (64, 96, 112), "frozen": (0, 4, 8)}[name]
    TrainConfig(epochs=3, **{name: values})
    with pytest.raises(ConfigError, match=f"more {name} than epochs"):
        TrainConfig(epochs=2, **{name: values})


@pytest.mark.parametrize("frozen", [(20,), (4, -1)])
def test_no_more_blocks_are_frozen_than_there_are(frozen: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="0 to 19 blocks"):
        TrainConfig(frozen=frozen)


def test_where_weights_lie_is_no_other_course_but_having_them_is() -> None:
    assert TrainConfig(weights="a").same_course(TrainConfig(weights="b"))
    assert not TrainConfig(weights="a").same_course(TrainConfig())
    assert TrainConfig(live=("a",)).same_course(TrainConfig(live=("b",)))
    assert not TrainConfig(live=("a",)).same_course(TrainConfig())


def test_names_with_weights_have_one_order() -> None:
    one = TrainConfig(teachers={"b": 1.0, "a": 2.0}, attributes={"y": 1.0, "x": 1.0})
    assert list(one.teachers) == ["a", "b"]
    assert list(one.attributes) == ["x", "y"]
    assert list(TrainConfig.from_json(one.to_json()).teachers) == ["a", "b"]


def test_settings_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"epochs": 3}', encoding="utf-16")
    with pytest.raises(ConfigError, match="UTF-8"):
        TrainConfig.load(tmp_path / "c.json")
