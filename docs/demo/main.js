// The page: takes a photo or the camera's frames, and draws the faces with their ages.

import { loadAges } from "./ages.js";

const LARGEST = 4096;  // pixels a side; a larger photo is read smaller

const [view, camera, drop, file, live, status, table, invitation] = [
  "view", "camera", "drop", "file", "live", "status", "faces", "invitation",
].map((id) => document.getElementById(id));
const context = view.getContext("2d", { willReadFrequently: true });

let ages = null;
let turn = 0;  // raised by every new photo or camera, so that an older one stops

function say(text) {
  status.textContent = text;
}

function show(source, width, height) {
  view.width = width;
  view.height = height;
  view.hidden = false;
  invitation.hidden = true;
  drop.classList.add("filled");
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function mark(faces) {
  const accent = "#19b5fe";
  const zoom = view.width / view.clientWidth;  // photo pixels in one of the screen
  const [line, letters] = [2.5 * zoom, 18 * zoom];
  context.font = `600 ${letters}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  for (const { box, age } of faces) {
    const [left, top, right, bottom] = box;
    context.strokeStyle = accent;
    context.lineWidth = line;
    context.strokeRect(left, top, right - left, bottom - top);
    const text = age.toFixed(0);
    const width = context.measureText(text).width + letters * 0.6;
    // Above the box, or inside it where there is no room.
    const low = top - letters * 1.3 < 0 ? top + letters * 1.3 : top;
    context.fillStyle = accent;
    context.fillRect(left - line / 2, low - letters * 1.3, width, letters * 1.3);
    context.fillStyle = "#000";
    context.fillText(text, left + letters * 0.3, low - letters * 0.1);
  }
}

function list(faces) {
  const rows = faces.map(({ box, age }, index) => {
    const row = document.createElement("tr");
    const side = Math.sqrt((box[2] - box[0]) * (box[3] - box[1]));
    for (const text of [index + 1, `${age.toFixed(1)} years`, `${side.toFixed(0)} px`]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    row.dataset.age = age;
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
  table.hidden = !faces.length;
}

async function look(picture, mine) {
  const start = performance.now();
  const faces = await ages(picture);
  if (mine !== turn) return;
  mark(faces);
  list(faces);
  const count = { 0: "No face found", 1: "1 face" }[faces.length] ?? `${faces.length} faces`;
  say(`${count}, ${(performance.now() - start).toFixed(0)} ms`);
}

async function openPhoto(blob) {
  if (!ages) return;
  const mine = stop();
  const image = await createImageBitmap(blob).catch(() => null);
  if (mine !== turn) return;
  if (!image) {
    list([]);
    say(`${blob.name || "This file"} can't be shown as a picture. JPEG, PNG and WebP can.`);
    return;
  }
  const scale = Math.min(1, LARGEST / Math.max(image.width, image.height));
  const picture = show(image, Math.round(image.width * scale), Math.round(image.height * scale));
  say("Looking …");
  await new Promise(requestAnimationFrame);  // so that the photo is seen first
  await look(picture, mine).catch((error) => fail(error, mine));
}

async function openCamera() {
  const mine = stop();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
  } catch (error) {
    if (mine === turn) say(`The camera can't be opened (${error.message}).`);
    return;
  }
  if (mine !== turn) {  // a photo was opened while the browser asked for permission
    close(stream);
    return;
  }
  camera.srcObject = stream;
  live.textContent = "Close the camera";
  try {
    await camera.play();
    while (mine === turn) {
      await look(show(camera, camera.videoWidth, camera.videoHeight), mine);
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    fail(error, mine);
  }
}

function fail(error, mine) {
  if (mine !== turn) return;
  stop();
  say(`Something went wrong while looking for faces (${error.message}).`);
}

function close(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

function stop() {
  close(camera.srcObject);
  camera.srcObject = null;
  live.textContent = "Open the camera";
  turn += 1;
  return turn;
}

file.addEventListener("change", () => {
  if (file.files.length) openPhoto(file.files[0]);
  file.value = "";  // so that the same photo can be chosen again
});
live.addEventListener("click", () => (camera.srcObject ? stop() : openCamera()));
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) openPhoto(event.dataTransfer.files[0]);
  });
}

try {
  ages = await loadAges();
  file.disabled = false;
  live.disabled = false;
  say("Ready");
} catch (error) {
  say(`The networks can't be loaded (${error.message}).`);
}
