"""``facelage evaluate``: a model's errors on labelled faces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelage.cli.options import (
    F,
    detector_option,
    echo_file,
    progress_option,
    read_source,
    reader_options,
)

#: Fewer rounds give ends that jump from seed to seed.
MIN_ROUNDS = 100

if TYPE_CHECKING:
    from facelage.data.manifest import Manifest
    from facelage.evaluate.compare import Comparison
    from facelage.evaluate.corruptions import CorruptionResult
    from facelage.evaluate.models import Model
    from facelage.evaluate.run import Evaluation


def measuring_options(function: F) -> F:
    """What ``evaluate`` and ``compare`` share: which rows, which figures, which files."""
    options = (
        click.option(
            "--split",
            type=click.Choice(["train", "val", "test", "trainval", "all"]),
            default="test",
            show_default=True,
            help="Which rows, where the data has splits. trainval: those that crossval predicts. "
            "all: also those that prepare found no usable face in, as failures.",
        ),
        click.option(
            "--images",
            is_flag=True,
            help="The data is a folder or CSV of whole photos: find the faces first.",
        ),
        reader_options,
        detector_option,
        click.option(
            "--photos",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Folder of a prepared folder's original photos, if they were moved.",
        ),
        click.option(
            "--weights",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Folder of the model files that .toml files name; theirs by default.",
        ),
        click.option(
            "--group", "groups", multiple=True, help="Column to break the figures down by."
        ),
        click.option("--name", default="", help="Name of the data in the report."),
        click.option(
            "--rounds", default=1000, show_default=True, help="Bootstrap rounds, 100 or more."
        ),
        click.option(
            "--failures",
            type=click.Choice(["left_out", "training_mean"]),
            default="left_out",
            show_default=True,
            help="Faces without an age: in no figure, or as if the training mean were predicted.",
        ),
        click.option(
            "--training-mean",
            type=float,
            help="Mean age of the training data, in years: for --failures and constant-mean.",
        ),
        click.option(
            "--training-data",
            type=click.Path(path_type=Path, exists=True),
            help="Prepared folder whose train split gives the mean and the median age instead.",
        ),
        click.option(
            "--legal-age",
            type=click.IntRange(1, 100),
            default=18,
            show_default=True,
            help="Age from which people pass, for the error rates of an age check.",
        ),
        click.option(
            "--nominal",
            default=0.9,
            show_default=True,
            help="Share of true ages that the model's intervals claim to hold, 0 to 1.",
        ),
        click.option(
            "--corruptions",
            is_flag=True,
            help="Measure on blurred, noisy, dark ... versions of the faces too.",
        ),
        click.option(
            "--out", type=click.Path(path_type=Path), help="Folder for the report's files."
        ),
        click.option(
            "--format",
            "table",
            type=click.Choice(["csv", "parquet"]),
            default="csv",
            show_default=True,
            help="Format of the predictions in the report's folder.",
        ),
        click.option(
            "--faces/--no-faces",
            default=True,
            show_default=True,
            help="Pictures of the faces that are furthest off, in report.html.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON."),
        progress_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command("evaluate")
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@measuring_options
def command(
    model: str,
    data: Path,
    out: Path | None,
    table: Any,
    faces: bool,
    as_json: bool,
    corruptions: bool,
    **options: Any,
) -> None:
    """Measure MODEL on DATA.

    MODEL is a name (see `facelage info`), "default" for the newest weights, an
    .onnx file, a .safetensors file, a run's folder, a .csv or .parquet file with
    columns path and predicted, a baseline (constant-mean:33.1, deepface), or a
    .toml file that describes another project's model.

    DATA is a prepared folder, whose crops are used, or, with --images, a folder
    or CSV of labelled photos, in which the faces have to be found first. Images
    without a face are counted as failures beside every figure.

    --out writes metrics.json, the predictions, report.txt, and, with matplotlib,
    report.html and its plots.
    """
    from facelage.evaluate import evaluate
    from facelage.evaluate.report import text_report
    from facelage.evaluate.run import check_destination, spare_inputs

    if out is not None:
        check_destination(out, table)
    manifest, title, settings = read_data(data, **options)
    opened = open_for(model, options)
    if out is not None:
        spare_inputs([opened], data, out, table)
    result = evaluate(opened, manifest, data=title, **settings)
    if not as_json:
        click.echo(text_report(result), nl=False)
    save(result, out, "metrics.json", table=table, faces=faces)
    damaged = corrupt([opened], manifest, settings, as_json) if corruptions else None
    if damaged is not None:
        save(result, out, "corruptions.csv", table=table, faces=faces, corruptions=damaged)
    if as_json:
        echo_json(result.figures, damaged)


def echo_json(figures: dict[str, Any], damaged: CorruptionResult | None) -> None:
    """Print the figures; those on damaged faces are rows under ``corruptions``."""
    if damaged is not None:
        rows = json.loads(damaged.table.to_json(orient="records"))
        figures = {**figures, "corruptions": rows}
    click.echo(json.dumps(figures, indent=2))


def save(result: Evaluation | Comparison, out: Path | None, first: str, **options: Any) -> None:
    """Write the result to the folder `out`, if there is one, and name the file `first`."""
    if out is None:
        return
    result.save(out, **options)
    if options.get("corruptions") is not None:
        options["corruptions"].save(out)
    echo_file(out / first)
    if (out / "report.html").is_file():
        echo_file(out / "report.html")


def read_data(
    data: Path,
    *,
    split: str,
    images: bool,
    name: str,
    photos: Path | None,
    detector: str | None,
    groups: Sequence[str],
    rounds: int,
    failures: str,
    training_mean: float | None,
    training_data: Path | None,
    legal_age: int,
    nominal: float,
    progress: bool,
    weights: Path | None,  # noqa: ARG001 - of the model, not of the data
    **reader: Any,
) -> tuple[Manifest, str, dict[str, Any]]:
    """The rows to measure on, the data's title, and the settings of ``evaluate``."""
    from facelage.data.manifest import Manifest
    from facelage.errors import ConfigError
    from facelage.evaluate.faces import choose_rows

    if rounds < MIN_ROUNDS:
        raise ConfigError(
            "too few bootstrap rounds", got=f"--rounds {rounds}", expected=f"{MIN_ROUNDS} or more"
        )
    title = name or data.stem
    manifest = read_source(data, **reader) if images else Manifest.load(data)
    whole = split == "all" or (images and not manifest.frame["split"].any())
    if not whole:
        title = f"{title}, {split} split"
    manifest, rejected = choose_rows(manifest, None if whole else split)
    if failures == "training_mean":
        training_mean = training_age("mean", training_mean, training_data)
    settings = {
        "rejected": rejected,
        "photos": photos,
        "detector": detector,
        "groups": groups,
        "rounds": rounds,
        "failures": failures,
        "training_mean": training_mean,
        "legal_age": legal_age,
        "nominal": nominal,
        "progress": progress,
    }
    return manifest, title, settings


def open_for(name: str, options: dict[str, Any]) -> Model:
    """The model `name`; one that finds the faces itself, if it runs in ONNX and DATA is photos."""
    from facelage.evaluate import OnnxModel, open_model
    from facelage.infer import AgePredictor

    if name in ("constant-mean", "constant-median"):
        mean = options["training_mean"] if name == "constant-mean" else None
        age = training_age(name.removeprefix("constant-"), mean, options["training_data"])
        name = name if age is None else f"{name}:{age:g}"
    opened = open_model(None if name == "default" else name, weights=options["weights"])
    if options["images"] and isinstance(opened, OnnxModel):
        return AgePredictor(opened.session, options["detector"])
    return opened


def training_age(middle: str, given: float | None, data: Path | None) -> float | None:
    """The "mean" or "median" age of the training data in years, as given or from a folder."""
    from facelage.data.manifest import Manifest
    from facelage.errors import ConfigError
    from facelage.evaluate.baselines import ConstantModel

    if data is None:
        return given
    if given is not None:
        raise ConfigError(
            "the mean age of the training data is given twice",
            got=f"--training-mean {given:g} and --training-data {data}",
            fix="leave one out",
        )
    trained = Manifest.load(data)
    if middle == "mean":
        return ConstantModel.training_mean(trained).age
    return ConstantModel.training_median(trained).age


def corrupt(
    models: Sequence[Model], manifest: Manifest, settings: dict[str, Any], quiet: bool
) -> CorruptionResult | None:
    """Measure on damaged faces, and print the table unless `quiet`."""
    from facelage.evaluate import CropModel, FaceModel, OnnxModel
    from facelage.evaluate.corruptions import corrupt_and_evaluate
    from facelage.evaluate.faces import find_faces
    from facelage.evaluate.report import corruption_report
    from facelage.infer import AgePredictor

    given = [OnnxModel(m.session) if isinstance(m, AgePredictor) else m for m in models]
    able = [m for m in given if isinstance(m, (CropModel, FaceModel))]
    for model in given:
        if model not in able:
            click.echo(f"{model.name} can't be given damaged faces: left out of them", err=True)
    if not able:
        return None
    faces = find_faces(
        manifest, settings["detector"], photos=settings["photos"], progress=settings["progress"]
    )
    result = corrupt_and_evaluate(
        able, faces, photos=settings["photos"], progress=settings["progress"]
    )
    if not quiet:
        click.echo("\n" + corruption_report(result.table), nl=False)
    return result
