"""Tell the age on a public-domain portrait, and draw it into ``portrait_aged.jpg``.

The portrait is scikit-image's astronaut: Eileen Collins in an official NASA
photo. It comes inside the package, so nothing is downloaded for it.
"""

import skimage.data

from facelage import AgePredictor
from facelage.data.images import save_image

portrait = skimage.data.astronaut()  # an array: 512 x 512 x 3, RGB, uint8
predictor = AgePredictor.from_pretrained()
faces = predictor.predict(portrait)

print(f"{len(faces)} face{'' if len(faces) == 1 else 's'} (weights {predictor.model})")
for face in faces:
    print(f"about {face.age:.0f} years, found by {face.detector}")

save_image("portrait_aged.jpg", predictor.annotate(portrait, faces))
print("wrote portrait_aged.jpg")
