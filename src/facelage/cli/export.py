"""``facelage export``: a checkpoint to an ONNX file, of fewer bits or with its preprocessing."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from facelage.cli.from_torch import from_torch
from facelage.cli.options import echo_file
from facelage.cli.smaller import compare, file_of, shrink


@click.command("export")
@click.argument("model")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the weights, kept in the file.")
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True),
    help="Prepared folder whose faces the exported model is checked on.",
)
@click.option(
    "--calibrate",
    "calibrate_on",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Prepared folder, whose validation split the model's intervals come from, or a table "
    "of predictions (age, predicted) on faces that it was not trained on.",
)
@click.option(
    "--count", default=1000, show_default=True, type=click.IntRange(1), help="Faces to check on."
)
@click.option(
    "--int8",
    is_flag=True,
    help="8-bit convolutions, a quarter of the file; they are set on training faces of --check.",
)
@click.option("--fp16", is_flag=True, help="16-bit weights, half of the file; computes in 32 bits.")
@click.option(
    "--limit",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0),
    help="Years by which --int8 or --fp16 may raise the MAE on validation faces of --check.",
)
@click.option(
    "--self-contained",
    is_flag=True,
    help="Put the preprocessing into the file: it takes uint8 crops of any size as they are.",
)
@click.option("--licence", default="", help="Terms of use, kept in the file.")
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="metrics.json of `facelage evaluate`, whose summary is kept in the file.",
)
def command(
    model: str,
    path: Path,
    name: str,
    check: Path | None,
    calibrate_on: tuple[Path, ...],
    count: int,
    licence: str,
    metrics: Path | None,
    int8: bool,
    fp16: bool,
    limit: float,
    self_contained: bool,
) -> None:
    """Write MODEL to PATH as ONNX.

    MODEL is a run's folder, a .safetensors file, a name, or "default" for the
    newest weights. With --int8, --fp16 or --self-contained it may be an ONNX file
    too; it and a name keep what their file says (intervals, licence, metrics).

    The file runs in ONNX Runtime without torch and carries its crop. Before it
    is written its ages are compared with torch's: on real faces with --check,
    else on noise. --int8 needs --check; a file whose MAE grows by more
    than --limit is not written.
    """
    from facelage.errors import ConfigError
    from facelage.files import write_atomically

    if path.suffix != ".onnx":
        raise ConfigError("the output must be an .onnx file", got=str(path))
    if int8 and check is None:
        raise ConfigError(
            "--int8 needs real faces with known ages",
            got="no --check",
            fix="name a folder of `facelage prepare` with --check",
        )
    if int8 and fp16:
        raise ConfigError("weights have 8 or 16 bits", got="--int8 and --fp16", fix="choose one")
    texts = {"--licence": licence, "--metrics": metrics, "--calibrate": calibrate_on}
    given = [option for option, value in texts.items() if value]
    converting = int8 or fp16 or self_contained
    source = file_of(model, given=given, converting=converting)
    name = name or path.stem

    def write(temporary: Path) -> None:
        from facelage.export import export_fp16, export_self_contained

        with tempfile.TemporaryDirectory() as folder:
            full = source
            if full is None:
                full = Path(folder) / "float32.onnx"
                from_torch(
                    model,
                    full,
                    name=name,
                    faces=check,
                    count=count,
                    calibrate_on=calibrate_on,
                    licence=licence,
                    metrics=metrics,
                )
            last = full
            if int8 and check is not None:
                last = shrink(full, Path(folder) / "small.onnx", check, name)
            if fp16:
                last = export_fp16(full, Path(folder) / "small.onnx", name=name)
            if self_contained:
                last = export_self_contained(last, Path(folder) / "whole.onnx", name=name)
            if last is not full and check is not None:
                compare(full, last, check, count=count, limit=limit)
            shutil.copyfile(last, temporary)

    # A file that fails the check never gets its name.
    write_atomically(path, write)
    echo_file(path)
