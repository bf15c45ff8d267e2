"""Tell an age where nothing is installed but numpy, OpenCV and ONNX Runtime.

Run by the nox session ``minimal``: ``minimal.py PICTURE [MODEL.onnx]``.
"""

from __future__ import annotations

import sys
import time
import warnings
from importlib.metadata import distributions
from importlib.util import find_spec

ABSENT = ("torch", "torchvision", "sklearn", "pandas", "matplotlib", "PIL", "click", "tqdm")


def main() -> None:
    """Predict one picture, and check what was and was not imported for it."""
    picture, *model = sys.argv[1:]
    for name in ABSENT:
        assert find_spec(name) is None, f"{name} is installed; this environment is not minimal"
    started = time.perf_counter()
    import facelage

    seconds = time.perf_counter() - started
    assert seconds < 0.3, f"import facelage takes {seconds:.2f} s"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predictor = facelage.AgePredictor.from_pretrained(model[0] if model else None)
    faces = predictor.predict(picture)
    assert len(faces) == 1, f"{len(faces)} faces in the portrait of one person"
    [face] = faces
    assert face.box is not None
    left, top, right, bottom = face.box
    # Where the face is in scikit-image's astronaut, in pixels of 512 x 512.
    assert left < 220 < right, f"the box {face.box} misses the face"
    assert top < 120 < bottom, f"the box {face.box} misses the face"
    # Eileen Collins was 36 or 37; the model may be wrong, but not by this much.
    assert 15 < face.age < 70, f"{face.age:.1f} years"
    [again, missing] = predictor.predict_batch([picture, "no such file"])
    assert again.faces[0] == face, "a batch gives another age than a single image"
    assert missing.status == "unreadable", missing
    assert predictor.annotate(picture, faces).shape == (512, 512, 3)
    fell_back = any(issubclass(w.category, facelage.errors.DetectorFallbackWarning) for w in caught)
    assert fell_back == (face.detector == "haar"), "the fallback to Haar must warn, once"
    installed = sorted({str(found.metadata["Name"]).lower() for found in distributions()})
    print(f"{face.age:.1f} years, {face.detector}, {face.model}; installed: {', '.join(installed)}")


if __name__ == "__main__":
    main()
