// From a picture to faces with ages, all in this browser.

import * as ort from "./vendor/ort.wasm.min.mjs";
import { SIZE, cutFace } from "./crop.js";
import { Detector } from "./detector.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1;  // more need headers that static hosts do not send

// Loads both networks; the result takes a picture ({data, width, height}, RGBA bytes) and gives
// its faces with their ages in years, largest first.
export async function loadAges() {
  const load = (name) =>
    ort.InferenceSession.create(new URL(`./vendor/${name}`, import.meta.url).href);
  const [yunet, network] = await Promise.all([load("yunet.onnx"), load("age.onnx")]);
  const detector = new Detector(ort, yunet);
  return async (picture) => {
    const faces = await detector.detect(picture);
    if (!faces.length) return [];
    const crops = new Uint8Array(faces.length * SIZE * SIZE * 3);
    faces.forEach((face, index) => {
      crops.set(cutFace(picture, face.landmarks), index * SIZE * SIZE * 3);
    });
    const tensor = new ort.Tensor("uint8", crops, [faces.length, SIZE, SIZE, 3]);
    const { age } = await network.run({ crops: tensor });
    const size = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
    return faces
      .map((face, index) => ({ ...face, age: age.data[index] }))
      .sort((one, other) => size(other) - size(one));
  };
}
