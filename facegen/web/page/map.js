/* The map of a store: its rows as points, a face under the pointer, a lasso that gives rows. */

import { formatRows } from "./command.js";
import { button, choice, copy, make, plain } from "./elements.js";
import { newest, paint } from "./pictures.js";
import { Stage } from "./stage.js";
import { look, opened } from "./state.js";

const WAIT = 700; // milliseconds between two looks at a map that is being made
const NAMES = { pca: "Principal components", tsne: "t-SNE" };
const COSTS = { pca: "seconds", tsne: "minutes, and it finds islands" };
const ALL = { x: 0, y: 0, zoom: 1 };

const counted = (number) => number.toLocaleString("en");

export class MapView {
  constructor(page) {
    this.page = page;
    this.rows = null; // Uint32Array of the points
    this.coloured = ""; // the label that the points' colours are of
    this.stage = new Stage({
      hover: (i) => this.showFace(i),
      open: (i) => page.change(opened({ stored: this.rows[i] })),
      settle: (place) => this.change(place),
      enclose: (lasso) => this.change({ lasso }),
    });
    this.offer = make("div", { class: "offer" });
    this.side = make("div", { class: "side", hidden: true }, ...this.card(), ...this.controls());
    this.element = make(
      "section",
      { class: "map" },
      make("h1", { class: "unseen" }, "Map"),
      make("div", { class: "canvas" }, this.stage.element, this.offer),
      this.side,
    );
    this.showFace = newest((i) => this.paintFace(i), page.fail);
    this.setColour = newest((name) => this.paintColour(name), page.fail);
    this.load().catch(page.fail);
  }

  /** Where the face under the pointer appears. */
  card() {
    const picture = (label) =>
      make("canvas", { role: "img", "aria-label": label, width: 1, height: 1 });
    this.face = picture("The face");
    this.photo = picture("Its photo");
    this.told = make("p", { class: "facts", role: "status" });
    this.pair = make(
      "div",
      { class: "card", hidden: true },
      make("div", { class: "pair" }, this.face, this.page.about.originals ? this.photo : null),
      this.told,
    );
    const hint = "Point at a place on the map: its face appears here.";
    this.hint = make("p", { class: "facts" }, hint);
    return [this.hint, this.pair];
  }

  controls() {
    const { labels } = this.page.about;
    this.colours = make("select", {
      "aria-label": "Colour",
      change: () => this.change({ colour: this.colours.value || null }),
    });
    const options = labels.map((name) => make("option", { value: name }, plain(name)));
    this.colours.append(make("option", { value: "" }, "No colour"), ...options);
    this.legend = make("p", { class: "legend" });
    const modes = [["move", "Move"], ["lasso", "Lasso"]];
    const mode = choice("Pointer", modes, (value) => {
      this.stage.setMode(value);
      mode.show(value);
    });
    mode.show("move");
    const whole = button("Show all", () => this.change(ALL));
    const seen = button("All in view", () => this.change({ lasso: this.stage.window }), {
      title: "Lasso all that is seen",
    });
    this.clear = button("Clear", () => this.change({ lasso: null }));
    this.copyRows = button("Copy the rows", () => this.copyList().catch(this.page.fail));
    this.chosen = make("p", { class: "facts" });
    this.others = make("div", { class: "buttons" });
    return [
      make("div", { class: "buttons" }, mode.row, whole),
      labels.length ? this.colours : null,
      this.legend,
      this.chosen,
      make("div", { class: "buttons" }, seen, this.clear),
      make("div", { class: "buttons" }, this.copyRows),
      this.others,
    ];
  }

  change(part) {
    this.page.change({ map: { ...this.page.state.map, ...part } });
  }

  // The map itself: there, or to be made.

  async load() {
    const status = await this.page.engine.map.status();
    if (status.state === "running") return this.wait(status);
    if (status.state !== "ready") return this.offerMaps(status);
    this.page.mapKind = status.kind;
    const found = await this.page.engine.map.points();
    this.rows = found.rows;
    this.coloured = null;
    this.stage.setPoints(found.x, found.y);
    this.offer.hidden = true;
    this.side.hidden = false;
    const kinds = this.page.about.files.map ? [] : status.kinds;
    const others = kinds.filter((kind) => kind !== status.kind);
    this.others.replaceChildren(
      ...others.map((kind) => this.startButton(kind, `Another map: ${NAMES[kind]}`)),
    );
    this.page.render();
    if (status.error) throw new Error(status.error);
  }

  wait({ kind, seconds, share }) {
    const known = kind === "pca"; // of t-SNE nobody knows how much is left
    const part = known ? `, ${Math.round(100 * share)} %` : "";
    this.offer.hidden = false;
    this.side.hidden = true;
    this.offer.replaceChildren(
      make("p", { role: "status" }, `${NAMES[kind]}: ${Math.round(seconds)} s${part}`),
      make("progress", { "aria-label": NAMES[kind], ...(known && { value: share, max: 1 }) }),
    );
    setTimeout(() => this.load().catch(this.page.fail), WAIT);
  }

  offerMaps({ error, kinds }) {
    const told = error ?? `${counted(this.page.about.stored)} faces have no map yet.`;
    this.offer.replaceChildren(
      make("p", {}, told),
      ...kinds.map((kind) => this.startButton(kind, `${NAMES[kind]}: ${COSTS[kind]}`)),
    );
  }

  startButton(kind, text) {
    const start = async () => {
      await this.page.engine.map.start(kind);
      if (this.rows) this.change({ ...ALL, lasso: null }); // they are of another map
      await this.load();
    };
    return button(text, () => start().catch(this.page.fail));
  }

  async paintColour(name) {
    if (name === this.coloured) return;
    const values = name ? await this.page.engine.map.colour(name) : null;
    const inks = values && Uint8Array.from(values, (value) => (value > 0 ? 1 : value < 0 ? 2 : 0));
    this.stage.plot.inks = inks;
    this.coloured = name;
    const count = (wanted) => values.reduce((sum, value) => sum + (value === wanted), 0);
    const told = (ink, text, number) =>
      number ? [make("span", { class: ink }, `${text} ${counted(number)}`)] : [];
    this.legend.replaceChildren(
      ...(values
        ? [
            ...told("yes", plain(name), count(1)),
            ...told("no", "without", count(-1)),
            ...told("unknown", "unknown", count(0)),
          ]
        : []),
    );
    this.stage.redraw();
  }

  async paintFace(i) {
    const { engine, about, state } = this.page;
    const source = { stored: this.rows[i] };
    const wanted = [engine.faces([{ source }], look(state, about)).then(([picture]) => picture)];
    if (about.originals) wanted.push(engine.original(source));
    const [made, kept] = await Promise.all(wanted);
    paint(this.face, made);
    if (kept) paint(this.photo, kept);
    this.told.textContent = `Row ${source.stored}${kept ? ", and its photo" : ""}`;
    this.pair.dataset.row = source.stored;
    this.pair.hidden = false;
    this.hint.hidden = true;
  }

  async copyList() {
    const copied = await copy(formatRows(this.page.rows));
    const done = `Copied ${counted(this.page.rows.length)} rows, as --rows takes them.`;
    this.page.tell(copied ? done : "The browser doesn't let this page copy; download them instead.");
  }

  show(state) {
    const { x, y, zoom, lasso, colour } = state.map;
    const { stage, rows, page } = this;
    Object.assign(stage.plot.view, { x, y, zoom });
    this.colours.value = page.about.labels.includes(colour) ? colour : "";
    if (rows) this.setColour(this.colours.value);
    stage.lasso = lasso;
    stage.plot.shown = null;
    page.rows = rows && lasso && stage.plot.enclose(lasso).map((i) => rows[i]).sort((a, b) => a - b);
    const inside = page.rows && `${counted(page.rows.length)} rows in the lasso`;
    this.chosen.textContent = inside ?? (rows ? `${counted(rows.length)} rows` : "");
    this.copyRows.disabled = !page.rows?.length;
    this.clear.disabled = !lasso;
    stage.redraw();
  }
}
