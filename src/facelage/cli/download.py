"""``facelage download``: the face detector's model file."""

from __future__ import annotations

import click


@click.command("download")
@click.option("--url", help="Another address of the same file (its sha256 is checked).")
def command(url: str | None) -> None:
    """Fetch YuNet's model file (232 KB, MIT licence) into the cache.

    With it, faces are found by YuNet rather than by OpenCV's Haar cascade. The
    cache is FACELAGE_CACHE or the user's cache folder.
    """
    from facelage.data.detect import download_yunet
    from facelage.data.detect.yunet import YUNET_URL

    click.echo(str(download_yunet(url or YUNET_URL)))
