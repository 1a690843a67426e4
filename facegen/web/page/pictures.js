/* Pictures on canvases, and faces that come as fast as they can be made. */

const pixels = new OffscreenCanvas(1, 1);

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
      try {
        await task(...now);
      } catch (error) {
        fail(error);
      }
    }
    busy = false;
  };
}
