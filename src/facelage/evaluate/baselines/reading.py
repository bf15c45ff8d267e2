"""A peer's spec from a few lines of TOML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import numpy as np

from facelage.data.align import Point
from facelage.evaluate.baselines.cropping import (
    TEMPLATES,
    BoxCrop,
    CropRule,
    NoseCrop,
    PointsCrop,
    SquareCrop,
    Template,
)
from facelage.evaluate.baselines.spec import InputSpec, OutputSpec, PeerSpec, Triple
from facelage.evaluate.baselines.tables import Table, read_toml


def load_spec(path: str | os.PathLike[str]) -> PeerSpec:
    """Read a spec.

    ::

        name = "ssrnet_wiki"
        file = "ssrnet_wiki.onnx"

        [[input]]
        name = "input"
        size = 64
        colour = "BGR"                         # RGB
        layout = "NCHW"
        mean = 0.0                             # or one a channel
        scale = 1.0
        crop = { kind = "box", margin = 0.4 }  # or square, nose, points

        [output]
        decode = "years"                       # or expectation, argmax_pairs

    Raises
    ------
    ConfigError
        If a key is missing, unknown or has a wrong value.
    """
    table = read_toml(Path(path))
    inputs = table.take("input")
    if not isinstance(inputs, list) or not inputs:
        raise table.error("no input", got=repr(inputs), expected="at least one [[input]] table")
    spec = PeerSpec(
        name=table.text("name"),
        file=table.text("file"),
        inputs=tuple(
            _input(Table(values, f"{table.where}, input {number}"))
            for number, values in enumerate(inputs, 1)
        ),
        output=_output(Table(table.take("output"), f"{table.where}, output")),
        batch=table.whole("batch", 1, 4096, 32),
        sha256=table.text("sha256", "").lower(),
        about=Table(table.take("about", {}), f"{table.where}, about").texts(),
    )
    table.done()
    return spec


def _input(table: Table) -> InputSpec:
    spec = InputSpec(
        name=table.text("name"),
        size=table.whole("size", 16, 1024),
        crop=_crop(Table(table.take("crop"), f"{table.where}, crop")),
        colour=table.text("colour", "RGB", among=("RGB", "BGR")),
        layout=table.text("layout", "NCHW", among=("NCHW", "NHWC")),
        mean=cast(Triple, table.numbers("mean", 3, (0.0, 0.0, 0.0))),
        scale=table.number("scale", 1.0, -1e6, 1e6),
    )
    table.done()
    return spec


def _crop(table: Table) -> CropRule:
    kind = table.text("kind", among=("box", "square", "nose", "points"))
    rule: CropRule
    if kind == "box":
        rule = BoxCrop(
            table.number("margin", 0.0, -0.45, 10.0), table.number("difference", 0.0, 0.0, 10.0)
        )
    elif kind == "square":
        scale = table.number("scale", 1.0, 0.05, 20.0)
        rule = SquareCrop(scale, cast(Point, table.numbers("shift", 2, (0.0, 0.0))))
    elif kind == "nose":
        rule = NoseCrop(table.text("reach", among=("top", "half_width")))
    else:
        rule = PointsCrop(
            _template(table),
            cast(Point, table.numbers("centre", 2, (0.5, 0.5))),
            table.number("side", 1.0, 0.05, 20.0),
        )
    table.done()
    return rule


def _template(table: Table) -> Template:
    given = table.take("template")
    if isinstance(given, str) and given in TEMPLATES:
        return TEMPLATES[given]
    try:
        points = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if isinstance(given, str) or points.shape != (5, 2) or not np.isfinite(points).all():
        raise table.error(
            "template is wrong",
            got=repr(given),
            expected=", ".join(TEMPLATES) + ", or five [x, y] as fractions of the side",
        )
    return cast(Template, tuple((float(x), float(y)) for x, y in points))


def _output(table: Table) -> OutputSpec:
    decode = table.text("decode", among=("years", "expectation", "argmax_pairs"))
    columns: tuple[int, int] | None = None
    given = table.take("columns")
    if given is not None:
        whole = isinstance(given, list) and all(type(end) is int for end in given)
        if not whole or len(given) != 2 or not 0 <= given[0] < given[1]:
            raise table.error(
                "columns is wrong", got=repr(given), expected="[first, end], first < end"
            )
        columns = (given[0], given[1])
    ages: tuple[float, ...] = ()
    softmax, scale = False, 1.0
    if decode == "expectation":
        ages, softmax = _ages(table), table.flag("softmax")
    elif decode == "years":
        scale = table.number("scale", 1.0, -1e6, 1e6)
    spec = OutputSpec(decode, table.text("name", ""), scale, ages, columns, softmax)
    table.done()
    return spec


def _ages(table: Table) -> tuple[float, ...]:
    given = table.take("ages")
    if isinstance(given, dict):
        ends = Table(given, f"{table.where}, ages")
        first, last = ends.whole("first", 0, 200), ends.whole("last", 0, 200)
        ends.done()
        if first <= last:
            return tuple(map(float, range(first, last + 1)))
    if not isinstance(given, list) or not given:
        raise table.error(
            "ages is wrong",
            got=repr(given),
            expected="the years of each class, or { first = 0, last = 100 }",
        )
    return Table({"ages": given}, table.where).numbers("ages", len(given), ())
