"""Turn a training run into the weights that the wheel ships, and measure them.

    python benchmarks/accuracy/release_weights.py RUN NAME PREPARED SHARED_DATA

exports RUN's best checkpoint as NAME.onnx and NAME.safetensors into
src/facelage/weights, calibrated on the validation splits of PREPARED's folders,
checks the two against each other on 1,000 faces of
UTKFace's test split, measures them on the test splits of PREPARED (folders
utkface, aaf and lfw from `facelage prepare`) and on SHARED_DATA's appa_real_dev
and frl_london, where the faces have to be found in the photos first, and writes
NAME.json (the entry), docs/figures.md (the tables of the model card) and its
pictures (release_plots.py; --peers takes what compare_peers.py wrote to --out, to
draw the best peer beside).

The text of the entry comes from benchmarks/accuracy/NAME.toml.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from release_plots import write_plots
from release_tables import markdown

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.data.readers import read_csv
from facelage.evaluate import Evaluation, evaluate
from facelage.export import calibrate, check_parity, export_onnx
from facelage.files import write_text
from facelage.infer import AgePredictor
from facelage.infer.intervals import CALIBRATION_KEY
from facelage.infer.session import AgeSession
from facelage.models import load_weights, save_weights
from facelage.models.weights import SHIPPED, WeightsEntry, describe_file

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

#: What the entry keeps of an evaluation's figures.
KEPT = ("summary", "intervals", "macro_mae", "cs_curve", "by_decade", "by_group", "coverage")
KEPT += ("images", "failures", "unlabelled")
#: Its press photos stand for photos unlike UTKFace's, though its ages are weak.
CALIBRATED_ON = ("utkface", "aaf", "lfw")
DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("prepared", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peers", type=Path)
    arguments = parser.parse_args()
    text = tomllib.loads((Path(__file__).parent / f"{arguments.name}.toml").read_text())
    model, crop = load_weights(arguments.run)
    folder = Path(tempfile.mkdtemp())
    onnx, tensors = folder / f"{arguments.name}.onnx", folder / f"{arguments.name}.safetensors"
    faces = held_out_crops(arguments.prepared / "utkface", crop)
    calibration, spread = calibrate(
        model, crop, [arguments.prepared / name for name in CALIBRATED_ON]
    )
    metadata = {
        "facelage.licence": text["licence"],
        CALIBRATION_KEY: json.loads(calibration.to_json()),
    }
    export_onnx(model, onnx, crop, name=arguments.name, metadata=metadata, spread=spread)

    session = AgeSession(onnx)
    results = evaluations(session, arguments.prepared, arguments.data)
    for result in results:
        summary = result.figures["summary"]
        print(f"{result.data}: n {summary['n']:.0f}, MAE {summary['mae']:.3f}")
    # Once more, now that the figures are known: the files carry them too.
    metadata["facelage.metrics"] = {r.data: rounded(r.figures["summary"]) for r in results}
    export_onnx(model, onnx, crop, name=arguments.name, metadata=metadata, spread=spread)
    del metadata[CALIBRATION_KEY]  # read from the ONNX file alone
    save_weights(model, tensors, crop, metadata=metadata)
    parity = check_parity(model, onnx, faces)
    print(f"torch and ONNX differ by at most {parity.largest:.2g} years on {parity.n} faces")
    onnx, tensors = (Path(shutil.move(path, SHIPPED / path.name)) for path in (onnx, tensors))
    pages = markdown(results)
    WeightsEntry(
        name=arguments.name,
        architecture="mobilenet_v2",
        crop=crop,
        files={"onnx": describe_file(onnx), "safetensors": describe_file(tensors)},
        licence=text["licence"],
        training_data=text["training_data"],
        metrics={r.data: rounded({key: r.figures[key] for key in KEPT}) for r in results},
        limits=text["limits"],
    ).save()
    write_text(DOCS / "figures.md", pages)
    test = Manifest.load(arguments.prepared / "utkface").usable("test")
    write_plots(results[0], test, arguments.prepared, arguments.run, peers=arguments.peers)


def evaluations(session: AgeSession, prepared: Path, data: Path) -> list[Evaluation]:
    """A model's figures on every test split and every set that is never trained on."""
    results = []
    for name in ("utkface", "aaf", "lfw"):
        test = Manifest.load(prepared / name).usable("test")
        groups = ("gender", "race") if name == "utkface" else ()
        results.append(evaluate(session, test, data=f"{name}, test split", groups=groups))
    predictor = AgePredictor(session, "yunet")
    for name, groups in (
        ("appa_real_dev", ("gender", "race", "photo", "expression")),
        ("frl_london", ("gender", "ethnicity")),
    ):
        photos = read_csv(data / f"{name}.csv")
        results.append(evaluate(predictor, photos, data=name, groups=groups))
    return results


def held_out_crops(folder: Path, crop: CropSpec, count: int = 1000) -> np.ndarray:
    manifest = Manifest.load(folder).usable("test")
    manifest.frame = manifest.frame.head(count)
    return CropStore(manifest).canonical(np.arange(len(manifest)), crop)


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
