"""``facelage info``: what weights are, and what they promise."""

from __future__ import annotations

from typing import Any

import click


@click.command("info")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the whole entry as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """Show the weights called NAME: training data, licence, accuracy and limits.

    Without NAME, the default weights and the names of all others.
    """
    from facelage.models import get_weights, list_models

    entry = get_weights(name)
    if as_json:
        click.echo(entry.to_json(), nl=False)
        return
    click.echo(f"{entry.name}  ({entry.architecture}, {entry.crop.size} px)")
    for label, text in (
        ("trained on", entry.training_data),
        ("licence", entry.licence),
        ("limits", entry.limits),
    ):
        click.echo(f"\n{label}: {text}")
    for kind, file in entry.files.items():
        click.echo(f"\n{kind}: {file.file}, {file.bytes / 1e6:.1f} MB\n  sha256 {file.sha256}")
    for data, figures in entry.metrics.items():
        click.echo(f"\n{data}:\n  {_headline(figures)}")
        for decade, row in figures.get("by_decade", {}).items():
            click.echo(
                f"    {decade:<6} n {row['n']:>5.0f}"
                f"  MAE {row['mae']:5.2f}  bias {row['bias']:+6.2f}"
            )
    if name is None:
        click.echo("\nall weights: " + ", ".join(list_models()))


def _headline(figures: dict[str, Any]) -> str:
    summary, ends = figures["summary"], figures["intervals"]
    return (
        f"n {summary['n']:.0f}, MAE {summary['mae']:.2f} "
        f"({ends['mae'][0]:.2f} to {ends['mae'][1]:.2f}), "
        f"CS@5 {summary['cs5']:.1%} ({ends['cs5'][0]:.1%} to {ends['cs5'][1]:.1%}), "
        f"CS@10 {summary['cs10']:.1%}, top-1 {summary['top1']:.1%}, MSE {summary['mse']:.1f}"
    )
