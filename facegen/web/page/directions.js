/* A slider for each direction of a kind, those that show the most first. */

import { button, make, plain, slider } from "./elements.js";

const FIRST = 12; // that are shown at once; the others are a click away
const MOST_AMOUNT = 100;
const TITLES = { label: "Labels", component: "Directions without labels" };

export class Directions {
  constructor(page, kind) {
    this.page = page;
    const found = page.about.directions.filter((direction) => direction.kind === kind);
    this.rows = found.map((direction) => new Direction(page, direction));
    this.all = found.length <= FIRST + 2;
    this.search = make("input", {
      type: "search",
      placeholder: "Find a label",
      "aria-label": "Find a label",
      input: () => this.narrow(),
    });
    this.more = button("", () => {
      this.all = !this.all;
      this.narrow();
    });
    const title = make("h2", {}, TITLES[kind]);
    const search = kind === "label" && found.length > FIRST ? this.search : null;
    this.none = make("p", { class: "facts", hidden: true }, "No label has this in its name.");
    this.element = make(
      "div",
      { class: "group", hidden: found.length === 0 },
      make("div", { class: "heading" }, title, search),
      make("div", { class: "sliders" }, ...this.rows.map(({ control }) => control.row), this.none),
      make("div", { class: "end" }, this.more),
    );
  }

  /** Shows the rows that are sought, else the first, those that are moved, or all. */
  narrow() {
    const text = plain(this.search.value.trim().toLowerCase());
    const { attribute, without } = this.page.state;
    this.rows.forEach(({ name, control }, i) => {
      const used = name in attribute || without.includes(name);
      const near = plain(name.toLowerCase()).includes(text);
      control.row.hidden = text ? !near : !(this.all || used || i < FIRST);
    });
    this.none.hidden = this.rows.some(({ control }) => !control.row.hidden);
    this.more.textContent = this.all ? "Fewer" : `All ${this.rows.length}`;
    this.more.hidden = this.rows.length <= FIRST + 2 || text !== "";
  }

  show(state) {
    for (const row of this.rows) row.show(state);
    this.narrow();
  }
}

class Direction {
  constructor(page, { name, strength, like }) {
    this.page = page;
    this.name = name;
    this.without = button("without", () => this.toggle(), {
      class: "without",
      "aria-label": `Without ${plain(name)}`,
      title: `The other sliders then leave ${plain(name)} as it is`,
    });
    this.control = slider({
      name,
      title: like && `Of the labels it goes along with ${plain(like)} most`,
      least: -strength,
      most: strength,
      step: strength / 60,
      usual: 0,
      extra: this.without,
      like,
      move: (value, done) => this.move(value, done),
    });
  }

  /** What is moved along the other directions. */
  others() {
    const { [this.name]: _, ...rest } = this.page.state.attribute;
    return rest;
  }

  move(value, done) {
    const amount = Math.min(MOST_AMOUNT, Math.max(-MOST_AMOUNT, value));
    const attribute = amount ? { ...this.others(), [this.name]: amount } : this.others();
    this.page.change({ attribute }, done);
  }

  toggle() {
    const { without } = this.page.state;
    const rest = without.filter((other) => other !== this.name);
    const changed = rest.length < without.length ? rest : [...without, this.name];
    this.page.change({ attribute: this.others(), without: changed });
  }

  show({ attribute, without }) {
    const out = without.includes(this.name);
    this.control.show(attribute[this.name] ?? 0);
    this.control.range.disabled = out;
    this.without.setAttribute("aria-pressed", String(out));
    this.without.disabled = !out && Object.keys(this.others()).length === 0; // nothing to keep out of
  }
}
