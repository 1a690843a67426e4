/* One face, large, and what changes it. */

import { lookControls } from "./controls.js";
import { Directions } from "./directions.js";
import { button, hold, make, slider } from "./elements.js";
import { newest, paint } from "./pictures.js";
import { facePoint, look, opened, sourceTitle } from "./state.js";

const SCALE = 5; // of the large picture: smooth on screens with fine pixels, too

export class FaceView {
  constructor(page) {
    this.page = page;
    this.usual = page.about.radii.middle; // the radius of the face by itself
    this.canvas = make("canvas", { class: "large", role: "img", width: 1, height: 1 });
    this.original = make("canvas", {
      class: "large original",
      role: "img",
      "aria-label": "The photo",
      width: 1,
      height: 1,
      hidden: true,
    });
    this.title = make("h1", {});
    this.compare = hold("Hold to see the photo", (held) => (this.original.hidden = !held));
    this.before = button("Previous face", () => this.step(-1));
    this.next = button("Next face", () => this.step(1));
    this.again = button("As it came", () => page.change(opened(page.state.source)));
    this.radius = this.radiusSlider();
    this.looks = lookControls(page);
    this.directions = ["label", "component"].map((kind) => new Directions(page, kind));
    this.element = this.lay();
    this.decode = newest((state) => this.paint(state), page.fail);
    this.known = ""; // whose photo is on the canvas
    this.showOriginal = newest((source) => this.paintOriginal(source), page.fail);
  }

  lay() {
    const { page } = this;
    const mix = button("Add to the mix", () => page.addCorner(page.state.source));
    return make(
      "section",
      { class: "one" },
      make(
        "div",
        { class: "left" },
        make(
          "div",
          { class: "portrait" },
          make("div", { class: "frame" }, this.canvas, this.original),
          make("div", { class: "under" }, this.title),
        ),
        make("div", { class: "buttons" }, this.before, this.next, this.again, mix, this.compare),
      ),
      make(
        "div",
        { class: "knobs" },
        make("div", { class: "group" }, this.radius.row, ...this.looks.rows),
        ...this.directions.map(({ element }) => element),
      ),
    );
  }

  radiusSlider() {
    const { page } = this;
    return slider({
      name: "Radius",
      title: "The distance from the origin: nearer faces are more average, farther ones break up",
      least: 0.1,
      most: Math.ceil(1.6 * page.about.radii.high),
      step: 0.1,
      usual: this.usual,
      digits: 1,
      move: (value, done) => {
        const radius = Math.abs(value - this.usual) < 0.051 ? null : Math.max(value, 0.01);
        page.change({ radius }, done);
      },
    });
  }

  step(by) {
    const { source } = this.page.state;
    const key = "stored" in source ? "stored" : "row";
    const last = key === "stored" ? this.page.about.stored - 1 : Number.MAX_SAFE_INTEGER;
    const row = Math.max(0, Math.min(last, source[key] + by));
    this.page.change({ source: { ...source, [key]: row } });
  }

  show(state) {
    const { source, attribute, without, radius } = state;
    this.title.textContent = sourceTitle(source);
    this.canvas.setAttribute("aria-label", sourceTitle(source));
    this.before.hidden = this.next.hidden = "photo" in source;
    this.again.disabled = !Object.keys(attribute).length && !without.length && radius === null;
    this.looks.show(state);
    for (const directions of this.directions) directions.show(state);
    this.decode({ ...state });
    this.showOriginal(source);
  }

  async paint(state) {
    const { engine, about } = this.page;
    const asked = [facePoint(state, about), look(state, about)];
    const text = JSON.stringify(asked);
    if (text !== this.canvas.dataset.painted) {
      const [picture] = await engine.faces([asked[0]], asked[1]);
      paint(this.canvas, picture, SCALE);
      this.usual = picture.radius;
      this.canvas.dataset.painted = text;
    }
    this.radius.setUsual(this.usual);
    this.radius.show(state.radius ?? this.usual);
  }

  async paintOriginal(source) {
    const { engine, about } = this.page;
    const has = "photo" in source || ("stored" in source && about.originals);
    this.compare.hidden = !has;
    const name = JSON.stringify(source);
    if (!has || this.known === name) return;
    paint(this.original, await engine.original(source), SCALE);
    this.known = name;
  }
}
