/* The picture, and over it the answer: the target keeps its colors inside an outline, the rest fades. */

import { round } from "./letterbox.js";

const FADE = 0.6; // how far the rest fades, as in grisq/inference/overlay.py
// Colors of outlines, as in grisq/inference/prediction.py: black where the model said nothing, or does not count.
export const OUTLINE = { one: [0, 114, 178], several: [0, 158, 115], other: [0, 0, 0] };
const [SMALL, LARGE] = [640, 1280]; // pixels of the longest side: smaller pictures are enlarged, larger ones reduced

/** The size at which a picture is drawn. */
export function drawnSize({ width, height }) {
  const longest = Math.max(width, height);
  const scale = Math.min(Math.max(longest, SMALL), LARGE) / longest;
  return [width, height].map((length) => Math.max(1, Math.round(length * scale)));
}

export function drawPicture(canvas, bitmap) {
  [canvas.width, canvas.height] = drawnSize(bitmap);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/** Draw a mask (height, width) on a transparent canvas of that size; an empty mask leaves it transparent.

    The outline has the color `line`, and the rest of the picture is covered by `fade`: each is three numbers. */
export function drawMask(canvas, mask, width, height, line, fade) {
  [canvas.width, canvas.height] = [width, height];
  if (!mask.includes(1)) return;
  const reach = Math.max(1, round(Math.max(width, height) / 150));
  const steps = stepsToMask(mask, width, height);
  const image = new ImageData(width, height);
  const [outline, rest] = [
    [...line, 255],
    [...fade, 255 * FADE],
  ];
  steps.forEach((distance, place) => {
    if (distance > 0) image.data.set(distance <= reach ? outline : rest, 4 * place);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** For each pixel how many steps, each to one of four neighbors, the mask is away; 0 inside. */
function stepsToMask(mask, width, height) {
  const far = width + height;
  const steps = Uint16Array.from(mask, (inside) => (inside ? 0 : far));
  const nearer = (place, neighbor) => {
    if (steps[neighbor] + 1 < steps[place]) steps[place] = steps[neighbor] + 1;
  };
  for (let place = 0; place < steps.length; place++) {
    if (place % width > 0) nearer(place, place - 1);
    if (place >= width) nearer(place, place - width);
  }
  for (let place = steps.length - 1; place >= 0; place--) {
    if (place % width < width - 1) nearer(place, place + 1);
    if (place < steps.length - width) nearer(place, place + width);
  }
  return steps;
}
