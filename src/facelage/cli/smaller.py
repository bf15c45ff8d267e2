"""The steps of ``facelage export`` from one ONNX file to another."""

from __future__ import annotations

from pathlib import Path

import click

#: Training faces that set an int8 model's grids.
INT8_FACES = 512


def file_of(model: str, *, given: list[str], converting: bool) -> Path | None:
    """The ONNX file of a model that has one; None where it is to be made from torch.

    Parameters
    ----------
    given:
        The options in use that add something to a new file.
    converting:
        Whether the file is to be made anew; else an ONNX file is no source.
    """
    from facelage.errors import ConfigError
    from facelage.models import get_weights, list_models

    if model.endswith(".onnx"):
        if not converting:
            raise ConfigError(
                "an ONNX file is exported already",
                got=model,
                fix="say what becomes of it: --int8, --fp16 or --self-contained",
            )
        if given:
            raise ConfigError(
                "an ONNX file says already what these options add",
                got=", ".join(given),
                fix="leave them out, or export the run's folder or .safetensors file",
            )
        return Path(model)
    if not converting or given or (model != "default" and model not in list_models()):
        return None
    return get_weights(None if model == "default" else model).path("onnx")


def shrink(source: Path, path: Path, faces: Path, name: str) -> Path:
    """Write `source` as int8, set on training faces of a folder."""
    from facelage.export import export_int8, labelled_faces
    from facelage.infer.session import AgeSession

    crop = AgeSession(source).crop
    crops, _ = labelled_faces(faces, crop, split="train", count=INT8_FACES)
    return export_int8(source, path, crops, name=name)


def compare(before: Path, after: Path, faces: Path, *, count: int, limit: float) -> None:
    """Check on validation faces of a folder that `after` is good enough, and say how good."""
    from facelage.export import check_growth, labelled_faces
    from facelage.export.growth import NEAR_YEARS
    from facelage.infer.session import AgeSession

    crops, ages = labelled_faces(faces, AgeSession(before).crop, split="val", count=count)
    growth = check_growth(before, after, crops, ages, limit=limit)
    click.echo(
        f"{growth.n} validation faces: MAE {growth.after:.3f} years after {growth.before:.3f}; "
        f"{growth.near:.1%} of ages within {NEAR_YEARS:g} years of the original's"
    )
