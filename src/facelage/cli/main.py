"""The ``facelage`` command: its subcommands are loaded when they are called."""

from __future__ import annotations

import io
import sys
import warnings
from importlib import import_module

import click

from facelage._version import __version__
from facelage.errors import FacelageError

_COMMANDS = (
    "predict",
    "video",
    "prepare",
    "train",
    "crossval",
    "evaluate",
    "compare",
    "export",
    "download",
    "info",
)
#: Those that go on where they were when they are called again.
_GO_ON = (["prepare"], ["train"], ["crossval"])


class _LazyGroup(click.Group):
    """Imports a subcommand's module when it is asked for; those import little until they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"facelage.cli.{cmd_name}").command
        return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="facelage")
def group() -> None:
    """Tell people's ages from photos of their faces, and train models that do.

    \b
    facelage predict photo.jpg           ages of the faces in a photo
    facelage video IN OUT                a video with the ages of its faces
    facelage prepare FOLDER OUT          photos to aligned faces and a manifest
    facelage train OUT --run RUN         faces to a model
    facelage crossval OUT --out CV       an honest error for every training face
    facelage evaluate RUN OUT            a model's errors on the test split
    facelage compare A B --data OUT      which of two models is better
    facelage export RUN model.onnx       a model for onnxruntime
    """


def main() -> None:
    """Run the command line; errors are one line on standard error and exit code 1."""
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that the output's encoding lacks must not lose the other photos' ages.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        group(prog_name="facelage", standalone_mode=False)
    except FacelageError as error:
        click.echo(f"facelage: {error.problem}", err=True)
        for name in ("got", "expected", "fix"):
            if text := getattr(error, name):
                click.echo(f"  {name}: {text}", err=True)
        sys.exit(1)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        again = "; run the same command again to go on" if sys.argv[1:2] in _GO_ON else ""
        click.echo(f"facelage: interrupted{again}", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        click.echo(f"facelage: {error.strerror or error}{place}", err=True)
        sys.exit(1)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"facelage: {message}", err=True)
