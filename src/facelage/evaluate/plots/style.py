"""How the pictures look: sizes for print, colours that colour-blind readers tell apart."""

from __future__ import annotations

import contextlib
import functools
import io
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from facelage.errors import InvalidArrayError, MissingDependencyError
from facelage.evaluate.figures import counted_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from facelage.evaluate.run import Evaluation
    from facelage.metrics.regression import Years

P = ParamSpec("P")
T = TypeVar("T")

#: Inches: half a page of a screen, one column of a page, and legible on a phone.
WIDTH = 5.2
#: Between the ends of a range, and before what is below 0.
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
#: Fewer faces than this make a figure of one year or one bin uncertain.
FEW = 10
INK, MUTED, GRID = "#1f2328", "#5b6470", "#dfe3e8"
#: Okabe and Ito's colours (jfly.uni-koeln.de/color, 2008) without the yellow: the blue darker,
#: so that it differs from the green in grey too, the light ones until text in them can be read.
PALETTE = ("#005F9E", "#009E73", "#D55E00", "#A8518A", "#B87400", "#2A86B8", "#4D4D4D")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
_SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a name may hold dollar signs
    "text.usetex": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Run `draw` with the house's settings on top of matplotlib's defaults.

    The caller's own settings neither matter nor change.

    Raises
    ------
    MissingDependencyError
        From the wrapped function, if matplotlib is not installed.
    """

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            import matplotlib
        except ImportError as error:
            raise MissingDependencyError(
                "pictures can't be drawn",
                got="no package 'matplotlib'",
                fix="pip install 'facelage[plots]'",
            ) from error
        # Setting the backend would load pyplot; everything else is the default.
        defaults: dict[Any, Any] = dict(matplotlib.rcParamsDefault)
        settings = {k: v for k, v in defaults.items() if "backend" not in k} | _SETTINGS
        with contextlib.ExitStack() as stack:
            with warnings.catch_warnings():
                # Some defaults are deprecated by name, which is not the caller's concern.
                warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
                stack.enter_context(matplotlib.rc_context(settings))
            return draw(*args, **kwargs)

    return wrapped


def new_figure(height: float, what: str, detail: str) -> Figure:
    """An empty figure with its title: `what` in bold, `detail` (model, data, n) below.

    Parameters
    ----------
    height:
        Inches of the part under the title.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    what, detail = textwrap.fill(one_line(what), 62), textwrap.fill(one_line(detail), 78)
    first, second = what.count("\n") + 1, detail.count("\n") + 1
    head = 0.12 + 0.185 * first + 0.165 * second
    figure = Figure(figsize=(WIDTH, height + head), layout="constrained")
    FigureCanvasAgg(figure)
    total = height + head
    left = 0.06 / WIDTH
    # suptitle would be centred and of one weight, so the room for the title is kept free by hand.
    title = figure.suptitle(
        what, x=left, y=1 - 0.06 / total, ha="left", va="top", size=10.5, weight="bold"
    )
    title.set_in_layout(False)
    below = figure.text(
        left,
        1 - (0.08 + 0.185 * first) / total,
        detail,
        ha="left",
        va="top",
        size=9,
        color=MUTED,
    )
    below.set_in_layout(False)
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(rect=(0, 0, 1, 1 - head / total), w_pad=0.06, h_pad=0.06)  # type: ignore[call-arg]
    return figure


@styled
def png(figure: Figure, *, dpi: int = 200) -> bytes:
    """The figure as a PNG file's bytes; equal figures give equal bytes.

    Characters that the font lacks are drawn as boxes.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Without the version of matplotlib that drew it.
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def one_line(text: str) -> str:
    """`text` without line ends and other control characters, which no title can hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short(name: str, limit: int = 30) -> str:
    """`name` on one line, its middle left out where it is longer than `limit` characters."""
    name = one_line(name)
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail]}…{name[-tail:]}"


def line_style(number: int) -> dict[str, Any]:
    """Colour and dashes of the `number`-th model: dashes change where colours repeat."""
    return {
        "color": PALETTE[number % len(PALETTE)],
        "linestyle": _DASHES[number // len(PALETTE) % len(_DASHES)],
    }


def counted_table(evaluation: Evaluation) -> pd.DataFrame:
    """The predictions that the figures are over: failures with the training mean, if they count."""
    figures = evaluation.figures
    failures = figures.get("failures_as", "left_out")
    return counted_rows(evaluation.predictions, failures, figures.get("training_mean"))


def predicted_faces(evaluation: Evaluation, *, counted: bool = False) -> tuple[Years, Years]:
    """True and predicted ages (years, float64) of the faces that have both.

    With `counted` they are those that the figures are over, see :func:`counted_table`.

    Raises
    ------
    InvalidArrayError
        If there are none.
    """
    table = counted_table(evaluation) if counted else evaluation.predictions
    true = table["age"].to_numpy(np.float64)
    predicted = table["predicted"].to_numpy(np.float64)
    both = np.isfinite(true) & np.isfinite(predicted)
    if not both.any():
        raise InvalidArrayError(
            "there is nothing to draw",
            got=f"{len(true)} faces, none with a true and a predicted age",
            expected="at least 1",
        )
    return true[both], predicted[both]


def on_data(
    evaluations: Sequence[Evaluation], *, named: bool = False, counted: bool = False
) -> str:
    """Data and number of faces for a title; the model too if `named`.

    The number is that of the faces with a prediction (or of those that the figures are over, if
    `counted`), a range where it differs.
    """
    counts = sorted({len(predicted_faces(each, counted=counted)[0]) for each in evaluations})
    faces = " to ".join(f"{count:,}" for count in (counts[0], counts[-1])[: len(counts)])
    data = dict.fromkeys(short(each.data, 60) or "the given faces" for each in evaluations)
    model = f"{short(evaluations[0].model, 48)} on " if named else ""
    return f"{model}{', '.join(data)}, n = {faces} face{'' if counts == [1] else 's'}"


def label_ends(axes: Axes, ends: Sequence[float], names: Sequence[str], height: float) -> None:
    """Name lines at their right ends, moved apart where they would overlap.

    Parameters
    ----------
    ends:
        Where each line ends on the vertical axis; NaN where it has no end. The
        axes' limits are final, and the lines have the :func:`line_style` of
        their places.
    height:
        Of the axes, in inches, about.
    """
    low, high = axes.get_ylim()
    places = spread(ends, 0.16 / height * (high - low), low, high)
    for number, (end, place, name) in enumerate(zip(ends, places, names, strict=True)):
        if not np.isfinite(end):
            continue
        color = line_style(number)["color"]
        axes.annotate(
            short(name, 22),
            xy=(1.0, float(end)),
            xytext=(1.05, place),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            size=8.5,
            color=color,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "lw": 0.7,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def spread(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """`values` moved apart to at least `gap`, in their order, from `low` to `high` if they fit."""
    places = np.asarray(values, np.float64).copy()
    order = [int(i) for i in np.argsort(places, kind="stable") if np.isfinite(places[i])]
    floor = low
    for i in order:
        places[i] = max(places[i], floor)
        floor = places[i] + gap
    ceiling = max(high, low + gap * (len(order) - 1))
    for i in reversed(order):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - gap
    return [float(place) for place in places]


def percent_axis(axis: Any) -> None:
    """Ticks of an axis of shares (0..1) in per cent."""
    axis.set_major_formatter(lambda share, _: f"{round(100 * share, 6):g} %")


def whole_ticks(axis: Any) -> None:
    """Ticks of an axis at whole numbers only, thousands apart."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def pale(color: str) -> str:
    """A tint of `color` on white: what is less certain. Unlike transparency it hides the grid."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (0.42 * each + 0.58 for each in to_rgb(color))
    return str(to_hex((red, green, blue)))
