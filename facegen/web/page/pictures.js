/* Pictures on canvases, and faces that come as fast as they can be made. */

const LATE = 400; // milliseconds after which the page says that it is at work
const pixels = new OffscreenCanvas(1, 1);
let late = 0; // tasks that are

/** Paints a Picture (engine.js), enlarged smoothly. */
export function paint(canvas, picture, scale = 2) {
  const { size } = picture;
  if (pixels.width !== size) pixels.width = pixels.height = size;
  pixels.getContext("2d").putImageData(new ImageData(picture.pixels, size, size), 0, 0);
  const side = size * scale;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(pixels, 0, 0, side, side);
}

/** Waits for work; the page shows that something is at work if it takes long. */
export async function patiently(work) {
  let told = 0;
  const tell = (change) => {
    late += change;
    told += change;
    document.body.classList.toggle("busy", late > 0);
  };
  const timer = setTimeout(tell, LATE, 1);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    tell(-told);
  }
}

/**
 * A function that has one task at work, and of what is asked meanwhile does the last alone: a
 * slider asks for more faces than there is time for.
 */
export function newest(task, fail) {
  let wanted = null;
  let busy = false;
  return async (...asked) => {
    wanted = asked;
    if (busy) return;
    busy = true;
    while (wanted) {
      const now = wanted;
      wanted = null;
      await patiently(task(...now)).catch(fail);
    }
    busy = false;
  };
}
