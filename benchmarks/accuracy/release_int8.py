"""Make the int8 model that the wheel ships from its float32 one, and measure what it loses.

    python benchmarks/accuracy/release_int8.py PREPARED SHARED_DATA [NAME]

sets 8-bit convolutions on training faces of PREPARED's utkface, refuses if the MAE on
its validation faces grows by more than 0.05 year, measures it and the float16 file
on the faces of release_weights.py, writes NAME-int8.onnx and its entry into
src/facelage/weights, and docs/smaller.md: each set's ages beside the float32 model's.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from release_weights import DOCS, KEPT, evaluations, rounded

from facelage.evaluate import Evaluation
from facelage.export import check_growth, export_fp16, export_int8, labelled_faces
from facelage.export.growth import NEAR_YEARS
from facelage.export.proto import properties, write_model
from facelage.files import write_text
from facelage.infer.session import AgeSession
from facelage.models.weights import SHIPPED, describe_file, get_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("name", nargs="?")
    arguments = parser.parse_args()
    entry = get_weights(arguments.name)
    full, crop, name = entry.path("onnx"), entry.crop, f"{entry.name}-int8"
    folder = Path(tempfile.mkdtemp())
    utkface = arguments.prepared / "utkface"

    crops, _ = labelled_faces(utkface, crop, split="train", count=512)
    small = export_int8(full, folder / f"{name}.onnx", crops, name=name)
    crops, ages = labelled_faces(utkface, crop, split="val", count=100_000)
    print(check_growth(full, small, crops, ages))
    half = export_fp16(full, folder / "fp16.onnx")
    found = {
        kind: evaluations(AgeSession(path), arguments.prepared, arguments.data)
        for kind, path in (("float32", full), ("float16", half), ("int8", small))
    }
    metrics = {r.data: rounded({key: r.figures[key] for key in KEPT}) for r in found["int8"]}
    summaries = {data: figures["summary"] for data, figures in metrics.items()}
    model = onnx.load(small)
    # The source's figures came along; these are its own.
    write_model(
        model, small, metadata=properties(model) | {"facelage.metrics": json.dumps(summaries)}
    )
    shipped = Path(shutil.move(small, SHIPPED / small.name))
    files = {"onnx": describe_file(shipped)}
    dataclasses.replace(entry, name=name, files=files, metrics=metrics).save()
    sizes = {"float32": full, "float16": half, "int8": shipped}
    write_text(DOCS / "smaller.md", page({k: p.stat().st_size for k, p in sizes.items()}, found))


def page(sizes: dict[str, int], found: dict[str, list[Evaluation]]) -> str:
    lines = ["<!-- written by benchmarks/accuracy/release_int8.py -->", ""]
    lines += ["| faces | n | MAE float32 | float16 | int8 | int8 minus float32 "]
    lines[-1] += f"| int8 within {NEAR_YEARS:g} years of float32 | farthest | float16 farthest |"
    lines += ["|---" * 9 + "|"]
    for full, half, small in zip(*found.values(), strict=True):
        table = [each.predictions["predicted"].to_numpy() for each in (full, half, small)]
        # A face that is found by one is found by all: the detector is the same.
        known = np.isfinite(table[0])
        exact, near, rough = (ages[known] for ages in table)
        maes = [each.figures["summary"]["mae"] for each in (full, half, small)]
        off = np.abs(rough - exact)
        cells = [full.data, str(known.sum()), *(f"{value:.3f}" for value in maes)]
        cells += [f"{maes[2] - maes[0]:+.3f}", f"{(off <= NEAR_YEARS).mean():.2%}"]
        cells += [f"{off.max():.2f}", f"{np.abs(near - exact).max():.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    told = ", ".join(f"{kind} {size / 1e6:.2f} MB" for kind, size in sizes.items())
    return "\n".join([*lines, "", f"Sizes of the ONNX files: {told}."]) + "\n"


if __name__ == "__main__":
    main()
