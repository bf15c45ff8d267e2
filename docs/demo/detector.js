// Finding faces: YuNet in ONNX Runtime, with the decoding of OpenCV's FaceDetectorYN.

import { blockMean, shrink } from "./crop.js";

const SIDE = 640;  // longer pictures are shrunk to this
const STRIDES = [8, 16, 32];
const SCORE = 0.6;
// A glance's faces of fewer pixels (the square root of the box) are looked at again, and what
// might be a face from a score on, lower for what is smaller.
const LARGE = 64;
const HINT = 0.08;
const SMALL_HINT = 0.02;
const SMALL = 32;
const MARGIN = 48;  // so many pixels around are looked at with it
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
    // A glance at half the size; the whole size where that shows a small face or what might be
    // one, all of it where it shows no face. Faces that fill the frame are only seen at half
    // the size.
    const seen = await this.look(picture, SIDE / 2, SMALL_HINT);
    const unit = longest / (SIDE / 2);
    const sure = seen.filter((face) => face.score >= SCORE);
    if (sure.length) {
      const clear = sure.filter((face) => size(face) >= LARGE * unit);
      const unclear = seen.filter((face) =>
        face.score >= SCORE
          ? size(face) < LARGE * unit
          : face.score >= HINT || size(face) < SMALL * unit,
      );
      const closer = await this.lookCloser(picture, unclear);
      if (closer && clear.length + closer.length) return strongest([...clear, ...closer]);
    }
    const faces = await this.look(picture, SIDE, SCORE);
    return faces.length ? faces : sure;
  }

  // The faces of a picture that is shrunk to a longer side of `side` pixels.
  async look(picture, side, threshold) {
    const [small, scale] = shrunk(picture, side);
    return (await this.faces(small, threshold)).map((face) => moved(face, 1 / scale));
  }

  // The faces at some places of a picture; null if those are half of the picture or more.
  async lookCloser(picture, unclear) {
    if (!unclear.length) return [];
    const [small, scale] = shrunk(picture, SIDE);
    const places = unclear.map((face) => moved(face, scale));
    const parts = places.map((place) => surroundings(place, small));
    const area = parts.reduce((sum, { part }) => sum + part.width * part.height, 0);
    if (2 * area >= small.width * small.height) return null;
    const found = [];
    for (const [index, { part, corner }] of parts.entries()) {
      const near = (await this.faces(part, SCORE)).map((face) => moved(face, 1, corner));
      // Others are seen by the glance, or are cut off at the part's edge.
      const here = near.filter((face) => overlap(face.box, places[index].box) > 0.1);
      found.push(...here.map((face) => moved(face, 1 / scale)));
    }
    return found;
  }

  // What the network sees in a picture as it is.
  async faces(picture, threshold) {
    const { width, height, data } = picture;
    // The strides have to divide the sides: black to the right and below.
    const [columns, rows] = [width, height].map((side) => Math.ceil(side / 32) * 32);
    const input = new Float32Array(3 * rows * columns);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        for (let channel = 0; channel < 3; channel += 1) {
          // Planes in the order blue, green, red.
          input[((2 - channel) * rows + row) * columns + column] =
            data[(row * width + column) * 4 + channel];
        }
      }
    }
    const tensor = new this.ort.Tensor("float32", input, [1, 3, rows, columns]);
    const outputs = await this.session.run({ [this.session.inputNames[0]]: tensor });
    return strongest(decode(outputs, columns, threshold));
  }
}

// A picture with a longer side of at most `side` pixels, and how many of its pixels make one.
function shrunk(picture, side) {
  const longest = (image) => Math.max(image.width, image.height);
  const factor = 2 ** Math.floor(Math.log2(Math.max(1, longest(picture) / side)));
  const small = factor > 1 ? blockMean(picture, factor) : picture;
  const scale = Math.min(1, side / longest(small));
  if (scale === 1) return [small, 1 / factor];
  const [width, height] = [small.width, small.height].map((old) =>
    Math.max(1, Math.round(old * scale)),
  );
  return [shrink(small, width, height), scale / factor];
}

// The part of a picture with a face and what is around it; its corner is on the network's grid.
function surroundings(face, picture) {
  const margin = Math.max(MARGIN, size(face));
  const [left, top, right, bottom] = face.box;
  const first = [left, top].map((end) => Math.max(0, Math.floor((end - margin) / 32) * 32));
  const last = [right, bottom].map((end) => Math.ceil(Math.trunc(end + margin) / 32) * 32);
  const width = Math.min(picture.width, last[0]) - first[0];
  const height = Math.min(picture.height, last[1]) - first[1];
  const data = new Uint8ClampedArray(4 * width * height);
  for (let row = 0; row < height; row += 1) {
    const start = 4 * ((first[1] + row) * picture.width + first[0]);
    data.set(picture.data.subarray(start, start + 4 * width), 4 * width * row);
  }
  return { part: { width, height, data }, corner: first };
}

function size(face) {
  const [left, top, right, bottom] = face.box;
  return Math.sqrt((right - left) * (bottom - top));
}

// A face with every coordinate `scale` times as large, then shifted.
function moved(face, scale, [x, y] = [0, 0]) {
  const [left, top, right, bottom] = face.box;
  return {
    score: face.score,
    box: [left * scale + x, top * scale + y, right * scale + x, bottom * scale + y],
    landmarks: face.landmarks.map(([a, b]) => [a * scale + x, b * scale + y]),
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
