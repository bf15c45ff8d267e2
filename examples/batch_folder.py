"""Write the ages of every photo in a folder to a CSV file, problems included.

    python examples/batch_folder.py photos ages.csv

One line a face; a photo without a face, or one that can't be read, has a line
that says so.
"""

import csv
import sys
from collections import Counter

from facelage import AgePredictor
from facelage.data.images import list_images

folder, target = sys.argv[1:]
files = list_images(folder)
predictor = AgePredictor.from_pretrained()
counts = Counter()

with open(target, "w", newline="", encoding="utf-8") as stream:
    writer = csv.writer(stream)
    writer.writerow(["file", "status", "age", "left", "top", "right", "bottom", "error"])
    # One result a photo, in order; memory stays flat however many there are.
    for file, result in zip(files, predictor.iter_predict(files), strict=True):
        counts[result.status] += 1
        for face in result.faces:
            box = [round(edge) for edge in face.box]
            writer.writerow([file, result.status, round(face.age, 1), *box, ""])
        if not result.faces:
            writer.writerow([file, result.status, "", "", "", "", "", result.error or ""])

print(f"wrote {target}: " + ", ".join(f"{n} {status}" for status, n in counts.most_common()))
