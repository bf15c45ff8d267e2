"""What glasses and old prints do to a model's ages, by age.

    python benchmarks/accuracy/worn.py MODEL... --young FOLDER... --appa FOLDER

shows each MODEL (shipped weights, a run's folder or an ONNX file) the validation faces under 21
of the prepared folders after --young as they are, with drawn glasses (the ones of training:
facelage.train.eyeglasses) and as old prints (facelage.evaluate.corruptions, severities 1, 3
and 5), and the people under 32 of the prepared APPA-REAL, those with glasses of their own
(appa_real_glasses.txt, named by eye) and the others. Prints MAE and bias in years.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest, concat
from facelage.evaluate import CropModel, open_model
from facelage.evaluate.corruptions import corrupt_and_evaluate
from facelage.train.augment import eyes_in_pixels, place
from facelage.train.eyeglasses import put_on_glasses

BANDS = ((0, 5), (6, 12), (13, 15), (16, 20))
GLASSES = Path(__file__).with_name("appa_real_glasses.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--young", type=Path, nargs="*", default=[])
    parser.add_argument("--appa", type=Path)
    arguments = parser.parse_args()
    for name in arguments.models:
        model = open_model(name)
        if not isinstance(model, CropModel):
            raise SystemExit(f"{name} takes no crops")
        parts = [Manifest.load(folder).usable("val") for folder in arguments.young]
        for label, cells in young(model, parts) if parts else ():
            print(f"{model.name}, {label}: " + "; ".join(cells), flush=True)
        if arguments.appa:
            for label, cell in appa(model, Manifest.load(arguments.appa).usable()):
                print(f"{model.name}, APPA-REAL, {label}: {cell}", flush=True)


def young(model: CropModel, parts: list[Manifest]) -> Iterator[tuple[str, list[str]]]:
    faces = concat(parts)
    faces = Manifest(faces.frame[faces.ages() < BANDS[-1][1] + 1], faces.root)
    padded = CropStore(faces, progress=False).batch(np.arange(len(faces)))
    ages, crop = faces.ages(), model.crop
    eyes = eyes_in_pixels(crop.landmarks[:2], padded.shape[1], crop.size)
    rng = np.random.default_rng(0)
    masks = [(ages >= low) & (ages < high + 1) for low, high in BANDS]
    for label, seen in (
        ("as they are", padded),
        ("with drawn glasses", [put_on_glasses(image, eyes, rng) for image in padded]),
    ):
        errors = model.predict_crops(np.stack([place(c, crop.size) for c in seen])) - ages
        yield label, [cell(*band, errors[mask]) for band, mask in zip(BANDS, masks, strict=True)]
    tables = [
        corrupt_and_evaluate(
            [model], Manifest(faces.frame[mask], faces.root), names=["old_print"],
            severities=[1, 3, 5],
        ).table.set_index("severity")
        for mask in masks
    ]  # fmt: skip
    for severity in (1, 3, 5):
        rows = [table.loc[severity] for table in tables]
        yield (
            f"old print {severity}",
            [
                f"{low}-{high} {row['mae']:.2f} ({row['bias']:+.1f})"
                for (low, high), row in zip(BANDS, rows, strict=True)
            ],
        )


def appa(model: CropModel, faces: Manifest) -> Iterator[tuple[str, str]]:
    named = set(GLASSES.read_text(encoding="utf-8").split())
    store = CropStore(faces, progress=False)
    ages = faces.ages()
    errors = model.predict_crops(store.canonical(np.arange(len(store)), model.crop)) - ages
    glasses = np.array([Path(path).name in named for path in faces.frame["path"]])
    for label, mask in (("glasses", glasses), ("no glasses", ~glasses & (ages < 32))):
        for low, high in ((0, 19), (20, 31)):
            some = errors[mask & (ages >= low) & (ages < high + 1)]
            yield f"{label}, n {len(some)}", cell(low, high, some)
    yield "all", cell(0, int(ages.max()), errors)


def cell(low: int, high: int, errors: np.ndarray) -> str:
    return f"{low}-{high} {np.abs(errors).mean():.2f} ({errors.mean():+.1f})"


if __name__ == "__main__":
    main()
