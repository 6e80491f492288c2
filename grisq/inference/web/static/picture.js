/* A picture file as upright pixels, and as the model's input. */

import { Fitting, Letterbox } from "./letterbox.js";

const STRIP = 128; // rows read at once: canvases have a largest size, and phones little memory
const LONGEST = 16384; // pixels of a side that every browser's canvas takes

/** Decode a file or blob. EXIF turns are carried out, color profiles are not, as in grisq itself.

    Throws an Error whose message names the file and the fix. */
export async function openPicture(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${name} cannot be read as a picture: choose a JPEG, PNG or WebP.`);
  }
  if (Math.max(bitmap.width, bitmap.height) > LONGEST) {
    const sides = `${bitmap.width}×${bitmap.height}`;
    throw new Error(`${name} has ${sides} pixels, and the page takes ${LONGEST} a side: save a smaller copy of it.`);
  }
  return bitmap;
}

/** The model's input: the letterbox, images (3, side, side) and valid (side, side). */
export function fitPicture(bitmap, side) {
  const box = new Letterbox(bitmap.width, bitmap.height, side);
  const fitting = new Fitting(box);
  for (let top = 0; top < box.height; top += STRIP) {
    const rows = Math.min(STRIP, box.height - top);
    const canvas = new OffscreenCanvas(box.width, rows);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white"; // under what is transparent
    context.fillRect(0, 0, box.width, rows);
    context.drawImage(bitmap, 0, -top);
    fitting.add(context.getImageData(0, 0, box.width, rows).data);
  }
  return { box, ...fitting.finish() };
}
