/* The map's canvas, under pointers and keys: it moves, zooms, shows what is under the pointer, and
   takes a lasso. */

import { make } from "./elements.js";
import { Plot } from "./plot.js";
import { LEAST_ZOOM, MOST_ZOOM } from "./state.js";

const REACH = 14; // pixels of the screen from the pointer to a point
const CLICK = 5; // pixels that a click may move
const LASSO_STEP = 6; // pixels of the screen between two corners of a lasso
const MOST_CORNERS = 200;
const SETTLED = 400; // milliseconds after the last turn of a wheel
const KEY_ZOOM = 1.4;
const LABEL = "Map: arrow keys move, plus and minus zoom, Enter opens the face in the middle";

const exact = (number) => Number(number.toFixed(5)); // as in the address

export class Stage {
  /** `map` is told: hover(i), open(i), settle({x, y, zoom}), enclose([x, y, x, y ...]). */
  constructor(map) {
    this.map = map;
    this.points = make("canvas", { class: "points" });
    this.over = make("canvas", { class: "over" });
    this.plot = new Plot(this.points);
    this.lasso = null;
    this.under = -1; // the point that has a ring
    this.drawing = null; // the lasso that is being drawn
    this.mode = "move";
    this.held = new Map(); // where each pointer is that is down
    this.moved = 0;
    this.due = false;
    this.settling = 0;
    this.element = this.lay();
    new ResizeObserver(() => this.redraw()).observe(this.element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.readPalette());
    this.readPalette();
  }

  lay() {
    const when = (act) => (event) => this.plot.x.length > 0 && act(event);
    return make(
      "div",
      {
        class: "stage",
        tabindex: 0,
        role: "application",
        "aria-label": LABEL,
        pointerdown: when((event) => this.grasp(event)),
        pointermove: when((event) => this.drag(event)),
        pointerup: (event) => this.release(event),
        pointercancel: (event) => this.release(event),
        wheel: when((event) => this.turn(event)),
        keydown: when((event) => this.press(event)),
      },
      this.points,
      this.over,
    );
  }

  setMode(mode) {
    this.mode = mode;
    this.element.classList.toggle("lasso", mode === "lasso");
  }

  setPoints(x, y) {
    this.under = -1;
    this.drawing = null;
    this.plot.inks = null; // they are of other points
    this.plot.setPoints(x, y);
  }

  readPalette() {
    const style = getComputedStyle(document.documentElement);
    this.plot.palette = ["--dot", "--yes", "--no"].map((name) => {
      const hex = style.getPropertyValue(name).trim();
      return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
    });
    this.redraw();
  }

  /** The corners of what is seen, as a lasso. */
  get window() {
    const { width, height } = this.points;
    const corners = [[0, 0], [width, 0], [width, height], [0, height]];
    return corners.flatMap(([x, y]) => this.plot.toMap(x, y)).map(exact);
  }

  // Drawing: once a frame at most.

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.fit();
      if (this.plot.x.length) this.plot.draw();
      this.drawOver();
    });
  }

  fit() {
    const box = this.element.getBoundingClientRect();
    const ratio = Math.min(2, devicePixelRatio || 1);
    const [width, height] = [box.width, box.height].map((side) => Math.round(side * ratio));
    for (const canvas of [this.points, this.over]) {
      if (width && (canvas.width !== width || canvas.height !== height)) {
        canvas.width = width;
        canvas.height = height;
      }
    }
    this.plot.ratio = ratio;
  }

  drawOver() {
    const { plot, over, under } = this;
    const context = over.getContext("2d");
    context.clearRect(0, 0, over.width, over.height);
    context.strokeStyle = getComputedStyle(this.element).color;
    context.lineWidth = 2;
    const polygon = this.drawing ?? this.lasso;
    if (polygon) {
      context.beginPath();
      for (let i = 0; i < polygon.length; i += 2) {
        context.lineTo(...plot.toCanvas(polygon[i], polygon[i + 1]));
      }
      if (!this.drawing) context.closePath();
      context.stroke();
    }
    if (under >= 0) {
      context.beginPath();
      context.arc(...plot.toCanvas(plot.x[under], plot.y[under]), 8, 0, 7);
      context.stroke();
    }
  }

  hover(i) {
    if (i === this.under) return;
    this.under = i;
    if (i >= 0) this.map.hover(i);
    this.redraw();
  }

  open(i) {
    if (i >= 0) this.map.open(i);
  }

  // Pointers: one moves or draws, two zoom.

  place(event) {
    const box = this.element.getBoundingClientRect();
    const ratio = this.points.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio, ratio];
  }

  grasp(event) {
    if (event.button !== 0) return;
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const [x, y] = this.place(event);
    this.held.set(event.pointerId, [x, y]);
    this.moved = 0;
    const draws = (this.mode === "lasso") !== event.shiftKey && this.held.size === 1;
    this.drawing = draws ? this.plot.toMap(x, y) : null;
    event.preventDefault();
  }

  drag(event) {
    const [x, y, ratio] = this.place(event);
    const before = this.held.get(event.pointerId);
    if (!before) return this.hover(this.plot.nearest(x, y, REACH * ratio));
    const step = Math.hypot(x - before[0], y - before[1]);
    if (this.drawing) {
      if (step < LASSO_STEP * ratio) return;
      if (this.drawing.length < 2 * MOST_CORNERS) this.drawing.push(...this.plot.toMap(x, y));
    } else if (this.held.size === 2) {
      this.pinch(event.pointerId, [x, y]);
    } else {
      this.pan(before[0] - x, before[1] - y);
    }
    this.moved += step;
    this.held.set(event.pointerId, [x, y]);
    this.redraw();
  }

  release(event) {
    if (!this.held.delete(event.pointerId)) return;
    const [x, y, ratio] = this.place(event);
    if (this.drawing?.length >= 6) {
      this.map.enclose(this.drawing.map(exact));
    } else if (this.moved < CLICK * ratio && event.type === "pointerup") {
      const i = this.plot.nearest(x, y, REACH * ratio);
      if (event.pointerType === "mouse" || i === this.under) this.open(i);
      else this.hover(i); // a finger shows first, and opens with the second touch
    } else if (!this.held.size) this.settle();
    this.drawing = null;
    this.redraw();
  }

  pan(dx, dy) {
    this.plot.view.x += dx / this.plot.scale;
    this.plot.view.y += dy / this.plot.scale;
  }

  /** Zooms; a place of the canvas stays where it is. */
  zoom(factor, px, py) {
    const { plot } = this;
    const [x, y] = plot.toMap(px, py);
    plot.view.zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, plot.view.zoom * factor));
    const [nx, ny] = plot.toMap(px, py);
    plot.view.x += x - nx;
    plot.view.y += y - ny;
  }

  pinch(id, [x, y]) {
    const [other] = [...this.held].filter(([key]) => key !== id).map(([, at]) => at);
    const [px, py] = this.held.get(id);
    const before = Math.hypot(px - other[0], py - other[1]);
    const now = Math.hypot(x - other[0], y - other[1]);
    if (before > 0) this.zoom(now / before, (x + other[0]) / 2, (y + other[1]) / 2);
  }

  turn(event) {
    event.preventDefault();
    const [x, y] = this.place(event);
    const turned = Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) / 300);
    this.zoom(Math.exp(-turned), x, y);
    this.settleSoon();
    this.redraw();
  }

  press(event) {
    const { plot, points } = this;
    const [middle, height] = [points.width / 2, points.height / 2];
    const step = points.width / 12;
    const nearest = () => plot.nearest(middle, height, middle);
    const acts = {
      ArrowLeft: () => this.pan(-step, 0),
      ArrowRight: () => this.pan(step, 0),
      ArrowUp: () => this.pan(0, -step),
      ArrowDown: () => this.pan(0, step),
      "+": () => this.zoom(KEY_ZOOM, middle, height),
      "=": () => this.zoom(KEY_ZOOM, middle, height),
      "-": () => this.zoom(1 / KEY_ZOOM, middle, height),
      0: () => Object.assign(plot.view, { x: 0, y: 0, zoom: 1 }),
      Enter: () => this.open(nearest()),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    acts[event.key]();
    if (event.key === "Enter") return;
    this.hover(nearest());
    this.settleSoon();
    this.redraw();
  }

  settle() {
    clearTimeout(this.settling);
    const { x, y, zoom } = this.plot.view;
    this.map.settle({ x: exact(x), y: exact(y), zoom: exact(zoom) });
  }

  settleSoon() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), SETTLED);
  }
}
