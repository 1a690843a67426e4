/* The grid: faces of a seed. */

import { lookControls, samplerControls, seedControls } from "./controls.js";
import { button, make } from "./elements.js";
import { newest, paint } from "./pictures.js";
import { gridLook, gridPoints, MOST_FACES, opened } from "./state.js";

const STEP = 28; // faces of a request, and of "More"

export class FacesView {
  constructor(page) {
    this.page = page;
    this.tiles = []; // {element, canvas, face} of each row
    this.painted = { text: "", count: 0 }; // what the tiles show, and how many of them
    this.controls = [seedControls(page), samplerControls(page), lookControls(page)];
    this.grid = make("div", {
      class: "grid",
      role: "group",
      "aria-label": "Faces",
      keydown: (event) => this.walk(event),
    });
    this.more = button("More faces", () =>
      page.change({ n: Math.min(MOST_FACES, page.state.n + STEP) }),
    );
    const rows = this.controls.flatMap((control) => control.rows);
    this.element = make(
      "section",
      { class: "faces" },
      make("h1", { class: "unseen" }, "Faces"),
      make("div", { class: "bar" }, ...rows),
      this.grid,
      make("div", { class: "end" }, this.more),
    );
    this.decode = newest((state) => this.paint(state), page.fail);
  }

  show(state) {
    for (const control of this.controls) control.show(state);
    while (this.tiles.length < state.n) this.addTile(this.tiles.length);
    while (this.tiles.length > state.n) this.tiles.pop().element.remove();
    this.painted.count = Math.min(this.painted.count, state.n);
    this.more.hidden = state.n >= MOST_FACES;
    this.decode({ ...state });
  }

  addTile(row) {
    const { page } = this;
    const source = () => ({ seed: page.state.seed, row });
    const canvas = make("canvas", { width: 1, height: 1 });
    const face = button(canvas, () => page.change(opened(source())), {
      class: "face",
      "aria-label": `Face ${row}`,
    });
    const add = button("+", () => page.addCorner(source()), {
      class: "add",
      "aria-label": `Add face ${row} to the mix`,
      title: "Add to the mix",
    });
    const element = make("div", { class: "tile" }, face, add);
    this.tiles.push({ element, canvas, face });
    this.grid.append(element);
  }

  /** Arrow keys lead from face to face. */
  walk(event) {
    const at = this.tiles.findIndex(({ face }) => face === event.target);
    if (at < 0) return;
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.tiles[Math.min(this.tiles.length - 1, Math.max(0, at + by))].face.focus();
  }

  textOf(state) {
    return JSON.stringify([state.seed, gridLook(state, this.page.about)]);
  }

  async paint(state) {
    const { page, tiles } = this;
    const text = this.textOf(state);
    if (text !== this.painted.text) this.painted = { text, count: 0 };
    while (this.painted.count < state.n) {
      if (text !== this.textOf(page.state)) return;
      const first = this.painted.count;
      const points = gridPoints(state, first, Math.min(STEP, state.n - first));
      const pictures = await page.engine.faces(points, gridLook(state, page.about));
      const there = pictures.slice(0, Math.max(0, tiles.length - first)); // fewer may be wanted now
      there.forEach((picture, i) => paint(tiles[first + i].canvas, picture));
      this.painted.count = first + there.length;
      if (there.length < pictures.length) return;
    }
    this.grid.dataset.painted = text; // for whoever waits for it
  }
}
