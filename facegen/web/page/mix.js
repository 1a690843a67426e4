/* The mix: faces as the corners of a pad, and the face at a place in it, large. */

import { lookControls } from "./controls.js";
import { button, choice, make } from "./elements.js";
import { Pad, smallPicture } from "./pad.js";
import { newest, paint } from "./pictures.js";
import { look, mixPoint, opened, short, sourceTitle } from "./state.js";

const SCALE = 5;
const PLACES = { 2: ["left", "right"], 4: ["upper left", "upper right", "lower left", "lower right"] };
const ROWS = 1e6; // of the seed, among which "Another" chooses

export class MixView {
  constructor(page) {
    this.page = page;
    this.canvas = make("canvas", {
      class: "large",
      role: "img",
      "aria-label": "The mix",
      width: 1,
      height: 1,
    });
    this.facts = make("p", { class: "facts" });
    this.pad = new Pad(page, (state, pictures) => this.showCorners(state, pictures));
    this.corners = make("div", { class: "corners" });
    this.count = choice("Corners", [[2, "Two"], [4, "Four"]], (value) => this.setCount(value));
    this.looks = lookControls(page);
    this.element = make(
      "section",
      { class: "mix" },
      make(
        "div",
        { class: "portrait" },
        make("div", { class: "frame" }, this.canvas),
        make("div", { class: "under" }, make("h1", {}, "Mix"), this.facts),
      ),
      make("div", { class: "knobs" }, this.pad.element, this.corners),
      make("div", { class: "group" }, this.count.row, ...this.looks.rows),
    );
    this.decode = newest((state) => this.paint(state), page.fail);
  }

  setCount(value) {
    const { corners, seed } = this.page.state;
    const kept = corners.slice(0, value);
    while (kept.length < value) kept.push({ seed, row: kept.length });
    this.page.change({ corners: kept });
  }

  another(place) {
    const { corners, seed } = this.page.state;
    const fresh = { seed, row: Math.floor(Math.random() * ROWS) };
    this.page.change({ corners: corners.map((one, i) => (i === place ? fresh : one)) });
  }

  show(state) {
    this.pad.show(state);
    this.count.show(state.corners.length);
    this.looks.show(state);
    this.decode({ ...state });
  }

  async paint(state) {
    const { engine, about } = this.page;
    const asked = [mixPoint(state), look(state, about)];
    const text = JSON.stringify(asked);
    if (text === this.canvas.dataset.painted) return;
    const [picture] = await engine.faces([asked[0]], asked[1]);
    paint(this.canvas, picture, SCALE);
    this.canvas.dataset.painted = text;
    this.facts.textContent = `radius ${short(picture.radius, 1)}`;
  }

  showCorners({ corners }, pictures) {
    const places = PLACES[corners.length];
    const buttons = () => [...this.corners.querySelectorAll("button")];
    const focused = buttons().indexOf(document.activeElement);
    this.corners.replaceChildren(
      ...corners.map((source, i) => this.corner(source, pictures[i], places[i], i)),
    );
    buttons()[focused]?.focus();
  }

  corner(source, picture, place, i) {
    const face = button(smallPicture(picture), () => this.page.change(opened(source)), {
      class: "face",
      "aria-label": `${sourceTitle(source)}, ${place}`,
    });
    const another = button("Another", () => this.another(i), {
      "aria-label": `Another face ${place}`,
    });
    const name = make("span", {}, sourceTitle(source));
    return make("div", { class: "corner" }, face, name, another);
  }
}
