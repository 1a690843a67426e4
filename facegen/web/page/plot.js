/* Many points on a canvas: drawn as pixels, found by a grid. No element a point, no library. */

const CELLS = 256; // of the grid, each way
const SIDE = 2.4; // of the square that the grid covers, a little more than the points do

/** Points with a view on them; sizes are in pixels of the canvas. */
export class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.x = this.y = new Float32Array(0);
    this.inks = null; // of each point a number into `palette`
    this.palette = [[0, 0, 0]];
    this.view = { x: 0, y: 0, zoom: 1 };
    this.ratio = 1; // pixels of the canvas for one of the screen
    this.shown = null; // Uint8Array: which points are in the lasso
  }

  setPoints(x, y) {
    this.x = x;
    this.y = y;
    const count = x.length;
    this.cellOf = (value) =>
      Math.min(CELLS - 1, Math.max(0, Math.floor((value / SIDE + 0.5) * CELLS)));
    const cells = new Uint32Array(count);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < count; i++) {
      cells[i] = this.cellOf(y[i]) * CELLS + this.cellOf(x[i]);
      this.starts[cells[i] + 1]++;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.sorted = new Uint32Array(count);
    for (let i = 0; i < count; i++) this.sorted[next[cells[i]]++] = i;
  }

  /** Pixels of the canvas for a step of 1 on the map. */
  get scale() {
    return (Math.min(this.canvas.width, this.canvas.height) / 2) * this.view.zoom;
  }

  toMap(px, py) {
    const { width, height } = this.canvas;
    return [
      (px - width / 2) / this.scale + this.view.x,
      (py - height / 2) / this.scale + this.view.y,
    ];
  }

  toCanvas(x, y) {
    const { width, height } = this.canvas;
    return [
      (x - this.view.x) * this.scale + width / 2,
      (y - this.view.y) * this.scale + height / 2,
    ];
  }

  /** The point that is nearest to a place on the canvas, within a reach; -1 for none. */
  nearest(px, py, reach) {
    if (!this.x.length) return -1;
    const [x, y] = this.toMap(px, py);
    const far = reach / this.scale;
    let best = far * far;
    let found = -1;
    const [left, right] = [this.cellOf(x - far), this.cellOf(x + far)];
    for (let row = this.cellOf(y - far); row <= this.cellOf(y + far); row++) {
      const end = this.starts[row * CELLS + right + 1];
      for (let k = this.starts[row * CELLS + left]; k < end; k++) {
        const i = this.sorted[k];
        const distance = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
        if (distance < best) {
          best = distance;
          found = i;
        }
      }
    }
    return found;
  }

  /** Marks the points in a polygon, [x, y, x, y ...] on the map; gives their indices. */
  enclose(polygon) {
    const inside = new Uint8Array(this.x.length);
    const found = [];
    for (let i = 0; i < this.x.length; i++) {
      if (contains(polygon, this.x[i], this.y[i])) {
        inside[i] = 1;
        found.push(i);
      }
    }
    this.shown = inside;
    return found;
  }

  /** Draws all points: each a square, mixed with what lies under it. */
  draw() {
    const { width, height } = this.canvas;
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(0);
    const size = this.dotSize();
    // Where points have colours, those without are pale and lie below.
    const strong = this.palette.map((colour, ink) =>
      inkTable(colour, this.inks ? (ink ? 0.9 : 0.28) : 0.62),
    );
    const faint = this.palette.map((colour, ink) => inkTable(colour, ink ? 0.42 : 0.2));
    const [left, upper] = this.toCanvas(-size / 2 / this.scale, -size / 2 / this.scale);
    for (const above of this.inks ? [false, true] : [false]) {
      for (let i = 0; i < this.x.length; i++) {
        const ink = this.inks ? this.inks[i] : 0;
        if (ink > 0 !== above) continue;
        const px = Math.round(this.x[i] * this.scale + left);
        const py = Math.round(this.y[i] * this.scale + upper);
        if (px < 0 || py < 0 || px + size > width || py + size > height) continue;
        const table = this.shown && !this.shown[i] ? faint[ink] : strong[ink];
        this.stamp(py * width + px, size, width, table);
      }
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }

  /** Pixels of a dot: smaller where there are many, larger where one looks closely. */
  dotSize() {
    const base = this.x.length > 50_000 ? 1.7 : this.x.length > 15_000 ? 2.3 : 3.2;
    const size = Math.min(9, base * this.view.zoom ** 0.35) * this.ratio;
    return Math.max(2, Math.round(size));
  }

  stamp(start, size, width, table) {
    const { pixels } = this;
    for (let row = 0, at = start; row < size; row++, at += width) {
      // Larger ones are round: without their corners.
      const cut = size > 3 && (row === 0 || row === size - 1) ? 1 : 0;
      for (let k = at + cut; k < at + size - cut; k++) {
        const below = pixels[k];
        if (below === 0 || table.covers) {
          pixels[k] = table.alone;
        } else {
          const alpha = Math.min(255, (below >>> 24) + table.more);
          const blue = (((below >>> 16) & 255) + table.blue) >> 1;
          const green = (((below >>> 8) & 255) + table.green) >> 1;
          const red = ((below & 255) + table.red) >> 1;
          pixels[k] = ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
        }
      }
    }
  }
}

function inkTable([red, green, blue], strength) {
  const alpha = Math.round(255 * strength);
  return {
    red,
    green,
    blue,
    more: alpha >> 2,
    covers: strength > 0.8,
    alone: ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0,
  };
}

/** Whether a point lies in a polygon: a ray from it crosses the edge an odd number of times. */
function contains(polygon, x, y) {
  let inside = false;
  const count = polygon.length;
  for (let i = 0, j = count - 2; i < count; j = i, i += 2) {
    const [ax, ay, bx, by] = [polygon[i], polygon[i + 1], polygon[j], polygon[j + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
