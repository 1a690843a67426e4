/* A square between four faces, or a line between two: the ring is at a place in it. */

import { make } from "./elements.js";
import { newest, paint } from "./pictures.js";
import { look, mixPoint, short } from "./state.js";

const FIELD = 7; // faces each way, as a ground
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const STEP = 0.05; // of an arrow key; with Shift a fifth of it

export class Pad {
  /** `showEnds(state, pictures)` is called with the pictures of the corners. */
  constructor(page, showEnds) {
    this.page = page;
    this.showEnds = showEnds;
    this.field = make("div", { class: "field", "aria-hidden": "true" });
    this.ring = make("div", { class: "ring" });
    this.element = make(
      "div",
      {
        class: "pad",
        tabindex: 0,
        role: "slider",
        "aria-label": "Place between the corners",
        pointerdown: (event) => this.grasp(event),
        pointermove: (event) => this.drag(event, false),
        pointerup: (event) => this.drag(event, true),
        keydown: (event) => this.step(event),
        keyup: (event) => event.key in ARROWS && this.page.change({}),
      },
      this.field,
      this.ring,
    );
    this.ground = ""; // what the field shows, as text
    this.decode = newest((state) => this.paint(state), page.fail);
  }

  to(u, v, done) {
    const share = (number) => Math.min(1, Math.max(0, Math.round(number * 1000) / 1000));
    const flat = this.page.state.corners.length === 2;
    this.page.change({ at: [share(u), flat ? 0 : share(v)] }, done);
  }

  grasp(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    this.drag(event, false);
    event.preventDefault();
  }

  drag(event, done) {
    if (!this.element.hasPointerCapture(event.pointerId)) return;
    const box = this.element.getBoundingClientRect();
    this.to((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, done);
  }

  step(event) {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    const step = event.shiftKey ? STEP / 5 : STEP;
    const [u, v] = this.page.state.at;
    this.to(u + step * way[0], v + step * way[1], false);
  }

  show(state) {
    const flat = state.corners.length === 2;
    const [u, v] = flat ? [state.at[0], 0.5] : state.at;
    const percent = (share) => `${short(100 * share, 0)} %`;
    const right = `${percent(u)} to the right`;
    this.element.classList.toggle("flat", flat);
    this.ring.style.left = `${100 * u}%`;
    this.ring.style.top = `${100 * v}%`;
    this.element.setAttribute("aria-valuenow", short(100 * u, 0));
    this.element.setAttribute("aria-valuetext", flat ? right : `${right}, ${percent(v)} down`);
    this.decode({ ...state });
  }

  async paint(state) {
    const { engine, about } = this.page;
    const text = JSON.stringify([state.corners, look(state, about)]);
    if (text === this.ground) return;
    const rows = state.corners.length === 2 ? 1 : FIELD;
    const along = (i) => i / (FIELD - 1);
    const places = Array.from({ length: rows * FIELD }, (_, i) => [
      along(i % FIELD),
      along(Math.floor(i / FIELD)),
    ]);
    const points = places.map((at) => mixPoint(state, at));
    const pictures = await engine.faces(points, look(state, about));
    this.field.replaceChildren(...pictures.map(smallPicture));
    const last = pictures.length - 1;
    const ends = rows === 1 ? [0, last] : [0, FIELD - 1, last - FIELD + 1, last];
    this.showEnds(state, ends.map((i) => pictures[i]));
    this.ground = text;
  }
}

/** A canvas of a Picture in its own size. */
export function smallPicture(picture) {
  const canvas = make("canvas", {});
  paint(canvas, picture, 1);
  return canvas;
}
