"""Pictures of evaluations, as matplotlib figures (extra ``plots``).

Every function returns a :class:`matplotlib.figure.Figure` of its own, titled
with the data and the number of faces, and leaves matplotlib's global settings
as they were. :func:`png` turns one into the bytes of a file.
"""

from facelage.evaluate.plots.accuracy import cs_by_age, cs_curves, error_by_age
from facelage.evaluate.plots.calibration import interval_coverage
from facelage.evaluate.plots.contact import worst_faces
from facelage.evaluate.plots.corruptions import mae_by_severity
from facelage.evaluate.plots.density import predicted_against_true
from facelage.evaluate.plots.distribution import age_histogram
from facelage.evaluate.plots.groups import mae_by_group
from facelage.evaluate.plots.style import png
from facelage.evaluate.plots.thresholds import threshold_errors

__all__ = [
    "age_histogram",
    "cs_by_age",
    "cs_curves",
    "error_by_age",
    "interval_coverage",
    "mae_by_group",
    "mae_by_severity",
    "png",
    "predicted_against_true",
    "threshold_errors",
    "worst_faces",
]
