from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.align import DEFAULT_CROP, CropSpec
from facelage.errors import WeightsError

shares = st.floats(0, 1)
triples = st.tuples(shares, shares, shares)
places = st.tuples(*[st.tuples(shares, shares)] * 5)
specs = st.builds(
    CropSpec,
    size=st.integers(16, 1024),
    landmarks=places,
    box_side=st.floats(0.2, 9),
    box_shift=st.floats(-1, 1),
    mean=triples,
    std=st.tuples(*[st.floats(0.01, 2)] * 3),
)


@given(specs)
def test_json_gives_the_same_spec_back(spec: CropSpec) -> None:
    copy = CropSpec.from_json(spec.to_json())
    assert copy == spec
    assert copy.digest() == spec.digest()
    assert hash(copy) == hash(spec)


@given(specs, specs)
def test_equal_digests_mean_equal_specs(one: CropSpec, other: CropSpec) -> None:
    assert (one.digest() == other.digest()) == (one == other)


def every_number() -> list[CropSpec]:
    """The default crop with one of its numbers changed a little, for each of them."""
    values = json.loads(DEFAULT_CROP.to_json())
    changed = []
    for name in ("size", "box_side", "box_shift"):
        step = 1 if name == "size" else 1e-9
        changed.append(dataclasses.replace(DEFAULT_CROP, **{name: values[name] + step}))
    for name in ("mean", "std"):
        for index in range(3):
            triple = list(values[name])
            triple[index] += 1e-9
            changed.append(dataclasses.replace(DEFAULT_CROP, **{name: tuple(triple)}))
    for point in range(5):
        for axis in range(2):
            moved = [list(p) for p in values["landmarks"]]
            moved[point][axis] += 1e-9
            changed.append(
                dataclasses.replace(DEFAULT_CROP, landmarks=tuple(tuple(p) for p in moved))
            )
    return changed


def test_every_number_counts_in_the_digest() -> None:
    digests = {spec.digest() for spec in every_number()}
    assert len(digests) == 3 + 6 + 10
    assert DEFAULT_CROP.digest() not in digests


@pytest.mark.parametrize(
    "change",
    [
        {"size": 15},
        {"size": 2000},
        {"landmarks": ((0.1, 0.2),) * 4},
        {"box_side": 0.0},
        {"std": (1.0, 1.0, 0.0)},
        {"std": (1.0, 1.0)},
        {"mean": (1.0,)},
        {"border": "black"},
        {"version": 2},
    ],
)
def test_impossible_numbers_are_named(change: dict[str, object]) -> None:
    (name,) = change
    with pytest.raises(WeightsError, match=f"out of range; got: {name}=.*update facelage"):
        dataclasses.replace(DEFAULT_CROP, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "{", '{"size": 128}', DEFAULT_CROP.to_json()[:-1] + ',"tilt":3}'],
)
def test_what_is_no_crop_is_refused(text: str) -> None:
    with pytest.raises(WeightsError, match="crop can't be read"):
        CropSpec.from_json(text)


def test_a_wrong_type_is_refused() -> None:
    values = json.loads(DEFAULT_CROP.to_json())
    for name, wrong in (("size", "128"), ("landmarks", 3), ("mean", None), ("std", "abc")):
        with pytest.raises(WeightsError, match="crop can't be read"):
            CropSpec.from_json(json.dumps({**values, name: wrong}))


def test_specs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT_CROP.size = 64  # type: ignore[misc]
