// Finding faces: YuNet in ONNX Runtime, with the decoding of OpenCV's FaceDetectorYN.

import { blockMean, shrink } from "./crop.js";

const SIDE = 640;  // longer pictures are shrunk to this
const STRIDES = [8, 16, 32];
const SCORE = 0.6;
// In a glance: what might be a face, and the pixels (the square root of the box) that it needs.
const HINT = 0.05;
const LARGE = 64;
const OVERLAP = 0.3;

export class Detector {
  constructor(ort, session) {
    this.ort = ort;
    this.session = session;
  }

  // The faces of a picture, best score first: {box: [left, top, right, bottom], landmarks: five
  // [x, y], score}, in pixels.
  async detect(picture) {
    const longest = Math.max(picture.width, picture.height);
    if (longest <= SIDE / 2) return this.look(picture, SIDE, SCORE);
    // A glance at half the size; the whole size where that shows no face, a small one, or
    // something that might be one. Faces that fill the frame are only seen at half the size.
    const seen = await this.look(picture, SIDE / 2, HINT);
    const sure = seen.filter((face) => face.score >= SCORE);
    const smallest = (LARGE * longest) / (SIDE / 2);
    const clear = sure.length === seen.length && sure.every((face) => size(face) >= smallest);
    if (sure.length && clear) return sure;
    const faces = await this.look(picture, SIDE, SCORE);
    return faces.length ? faces : sure;
  }

  // The faces of a picture that is shrunk to a longer side of `side` pixels.
  async look(picture, side, threshold) {
    const longest = (image) => Math.max(image.width, image.height);
    const factor = 2 ** Math.floor(Math.log2(Math.max(1, longest(picture) / side)));
    let small = factor > 1 ? blockMean(picture, factor) : picture;
    const scale = Math.min(1, side / longest(small));
    const [width, height] = [small.width, small.height].map((old) =>
      Math.max(1, Math.round(old * scale)),
    );
    if (scale < 1) small = shrink(small, width, height);
    // The strides have to divide the sides: black to the right and below.
    const [columns, rows] = [width, height].map((side) => Math.ceil(side / 32) * 32);
    const input = new Float32Array(3 * rows * columns);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        for (let channel = 0; channel < 3; channel += 1) {
          // Planes in the order blue, green, red.
          input[((2 - channel) * rows + row) * columns + column] =
            small.data[(row * width + column) * 4 + channel];
        }
      }
    }
    const tensor = new this.ort.Tensor("float32", input, [1, 3, rows, columns]);
    const outputs = await this.session.run({ [this.session.inputNames[0]]: tensor });
    return strongest(decode(outputs, columns, threshold)).map((face) => scaled(face, factor / scale));
  }
}

function size(face) {
  const [left, top, right, bottom] = face.box;
  return Math.sqrt((right - left) * (bottom - top));
}

function scaled(face, factor) {
  return {
    score: face.score,
    box: face.box.map((value) => value * factor),
    landmarks: face.landmarks.map((point) => point.map((value) => value * factor)),
  };
}

function decode(outputs, width, threshold) {
  const faces = [];
  const sure = (value) => Math.min(Math.max(value, 0), 1);
  for (const stride of STRIDES) {
    const columns = width / stride;
    const [cls, obj, bbox, kps] = ["cls", "obj", "bbox", "kps"].map(
      (name) => outputs[`${name}_${stride}`].data,
    );
    for (let cell = 0; cell < cls.length; cell += 1) {
      const score = Math.sqrt(sure(cls[cell]) * sure(obj[cell]));
      if (score < threshold) continue;
      const column = cell % columns;
      const row = Math.floor(cell / columns);
      const [x, y] = [(column + bbox[cell * 4]) * stride, (row + bbox[cell * 4 + 1]) * stride];
      const half = [2, 3].map((k) => (Math.exp(bbox[cell * 4 + k]) * stride) / 2);
      const landmarks = [0, 1, 2, 3, 4].map((k) => [
        (kps[cell * 10 + 2 * k] + column) * stride,
        (kps[cell * 10 + 2 * k + 1] + row) * stride,
      ]);
      faces.push({ score, box: [x - half[0], y - half[1], x + half[0], y + half[1]], landmarks });
    }
  }
  return faces;
}

// Non-maximum suppression: of boxes that overlap, the one with the best score.
function strongest(faces) {
  const kept = [];
  for (const face of faces.sort((one, other) => other.score - one.score)) {
    if (kept.every((other) => overlap(face.box, other.box) <= OVERLAP)) kept.push(face);
  }
  return kept;
}

function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(one) + area(other) - width * height);
}
