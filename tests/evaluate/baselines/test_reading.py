from __future__ import annotations

from pathlib import Path

import pytest

from facelage.errors import ConfigError
from facelage.evaluate.baselines import load_spec
from facelage.evaluate.baselines.cropping import (
    TEMPLATES,
    BoxCrop,
    CropRule,
    NoseCrop,
    PointsCrop,
    SquareCrop,
)
from facelage.evaluate.baselines.spec import InputSpec, OutputSpec, PeerSpec

from .network import SPEC, write_spec


def changed(old: str, new: str) -> str:
    assert SPEC.count(old) == 1
    return SPEC.replace(old, new)


def test_the_shortest_spec(tmp_path: Path) -> None:
    assert load_spec(write_spec(tmp_path)) == PeerSpec(
        name="tiny",
        file="tiny.onnx",
        inputs=(InputSpec("input", 16, BoxCrop()),),
        output=OutputSpec("years"),
        batch=4,
    )


FULL = """
name = "full"
file = "sub/full.onnx"
sha256 = "ABCD"

[about]
licence = "MIT"
version = "1.0"

[[input]]
name = "a"
size = 112
colour = "BGR"
layout = "NHWC"
mean = [1, 2.5, 3]
scale = 0.5
crop = { kind = "points", template = "arcface" }

[[input]]
name = "b"
size = 64
mean = 127.5
crop = { kind = "nose", reach = "top" }

[output]
name = "probabilities"
decode = "expectation"
ages = { first = 1, last = 3 }
columns = [2, 5]
softmax = true
"""


def test_everything_that_a_spec_can_say(tmp_path: Path) -> None:
    assert load_spec(write_spec(tmp_path, FULL)) == PeerSpec(
        name="full",
        file="sub/full.onnx",
        inputs=(
            InputSpec("a", 112, PointsCrop(), "BGR", "NHWC", (1.0, 2.5, 3.0), 0.5),
            InputSpec("b", 64, NoseCrop("top"), mean=(127.5, 127.5, 127.5)),
        ),
        output=OutputSpec("expectation", "probabilities", 1.0, (1.0, 2.0, 3.0), (2, 5), True),
        batch=32,
        sha256="abcd",
        about={"licence": "MIT", "version": "1.0"},
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{ kind = "box", margin = 0.4 }', BoxCrop(0.4)),
        ('{ kind = "box", difference = 1 }', BoxCrop(0.0, 1.0)),
        ('{ kind = "square", scale = 1.5, shift = [0.0, 0.1] }', SquareCrop(1.5, (0.0, 0.1))),
        ('{ kind = "nose", reach = "half_width" }', NoseCrop("half_width")),
        (
            '{ kind = "points", template = "facelage", centre = [0.5, 0.46], side = 0.95 }',
            PointsCrop(TEMPLATES["facelage"], (0.5, 0.46), 0.95),
        ),
        (
            '{ kind = "points", template = [[0, 0], [1, 0], [0.5, 0.5], [0, 1], [1, 1]] }',
            PointsCrop(((0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0.0, 1.0), (1.0, 1.0))),
        ),
    ],
)
def test_every_kind_of_crop(text: str, rule: CropRule, tmp_path: Path) -> None:
    spec = load_spec(write_spec(tmp_path, changed('{ kind = "box" }', text)))
    assert spec.inputs[0].crop == rule


def test_ages_of_classes_and_scale_of_years(tmp_path: Path) -> None:
    listed = load_spec(
        write_spec(tmp_path, changed('"years"', '"expectation"\nages = [0.25, 1, 80]'))
    )
    assert listed.output.ages == (0.25, 1.0, 80.0)
    scaled = load_spec(write_spec(tmp_path, changed('"years"', '"years"\nscale = 100')))
    assert scaled.output.scale == 100


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "tiny"', "", "tiny.toml: name is wrong; got: nothing; expected: a string"),
        ('name = "tiny"', "name = 3", "tiny.toml: name is wrong; got: 3"),
        ("batch = 4", "batch = 0", "batch is wrong; got: 0; expected: a whole number from 1"),
        ("batch = 4", "batch = true", "batch is wrong; got: True"),
        ("batch = 4", "batch = 1.5", "batch is wrong; got: 1.5"),
        ("batch = 4", "colour = 'BGR'", "unknown keys; got: colour; expected: .*sha256"),
        ("size = 16", "size = 8", "input 1: size is wrong; got: 8; expected: .*16 to 1024"),
        ("size = 16", "size = 16\ncolour = 'rgb'", "colour is wrong; got: 'rgb'; .*RGB, BGR"),
        ("size = 16", "size = 16\nlayout = 'CHW'", "layout is wrong; got: 'CHW'; .*NCHW, NHWC"),
        ("size = 16", "size = 16\nmean = [1, 2]", r"mean is wrong; got: \[1, 2\]; .*3 numbers"),
        ("size = 16", "size = 16\nscale = nan", "scale is wrong; got: nan"),
        ("size = 16", "size = 16\nscale = 'a'", "scale is wrong; got: 'a'"),
        ("size = 16", "size = 16\nfoo = 1", "input 1: unknown keys; got: foo; expected: .*scale"),
        ('{ kind = "box" }', "3", "input 1, crop: this must be a table; got: 3"),
        ('{ kind = "box" }', "{}", "crop: kind is wrong; got: nothing; expected: box, square"),
        ('{ kind = "box" }', "{ kind = 'oval' }", "kind is wrong; got: 'oval'"),
        ('{ kind = "box" }', "{ kind = 'box', side = 2 }", "crop: unknown keys; got: side"),
        ('{ kind = "box" }', "{ kind = 'box', margin = 99 }", "margin is wrong; got: 99"),
        ('{ kind = "box" }', "{ kind = 'nose' }", "reach is wrong; got: nothing; .*top"),
        ('{ kind = "box" }', "{ kind = 'points' }", "template is wrong; got: None; .*arcface"),
        ('{ kind = "box" }', "{ kind = 'points', template = 'x' }", "template is wrong; got: 'x'"),
        ('{ kind = "box" }', "{ kind = 'points', template = [[1]] }", "template is wrong"),
        ('{ kind = "box" }', "{ kind = 'points', template = [1, 'a'] }", "template is wrong"),
        ('"years"', '"months"', "output: decode is wrong; got: 'months'; expected: years, exp"),
        ('"years"', '"years"\nages = [1]', "output: unknown keys; got: ages"),
        ('"years"', '"years"\ncolumns = [2, 2]', r"columns is wrong; got: \[2, 2\]"),
        ('"years"', '"years"\ncolumns = [-1, 2]', "columns is wrong"),
        ('"years"', '"years"\ncolumns = [true, 2]', "columns is wrong"),
        ('"years"', '"years"\ncolumns = 2', "columns is wrong; got: 2"),
        ('"years"', '"expectation"', "ages is wrong; got: None; expected: the years of each"),
        ('"years"', '"expectation"\nages = []', "ages is wrong"),
        ('"years"', '"expectation"\nages = [1, "b"]', "ages is wrong; got: .*'b'"),
        ('"years"', '"expectation"\nages = { first = 3, last = 1 }', "ages is wrong"),
        ('"years"', '"expectation"\nages = [1]\nsoftmax = 1', "softmax is wrong; got: 1"),
        ("[output]\ndecode", "[out]\ndecode", "output: this must be a table; got: None"),
        ("[[input]]", "[input]", "no input; got: .*; expected: at least one"),
        ("[output]", "[about]\nlicence = 3\n[output]", "about: licence is wrong; got: 3"),
        ("[output]", "[output", "the spec is not TOML; got: .*tiny.toml"),
    ],
)
def test_errors_say_where_and_what(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_spec(write_spec(tmp_path, changed(old, new)))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't be read; got: .*none.toml"):
        load_spec(tmp_path / "none.toml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="not TOML"):
        load_spec(tmp_path / "x.toml")
