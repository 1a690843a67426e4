/* The maps of a store: its rows as points, a face under the pointer, a lasso that gives rows. */

import { formatRows } from "./command.js";
import { button, choice, copy, make, plain } from "./elements.js";
import { newest, paint } from "./pictures.js";
import { Stage } from "./stage.js";
import { look, MAP_KINDS, opened } from "./state.js";

const WAIT = 700; // milliseconds between two looks at a map that is being made
const NAMES = { file: "Given", pca: "Principal components", tsne: "t-SNE" };
const COSTS = { pca: "seconds", tsne: "minutes, and it finds islands" }; // of those that can be made
const NOT_GIVEN = "This map is of a file: start facegen explore with its --map.";
const ALL = { x: 0, y: 0, zoom: 1 };

const counted = (number) => number.toLocaleString("en");

export class MapView {
  constructor(page) {
    this.page = page;
    this.made = []; // kinds that are there, as far as is known
    this.maps = {}; // by kind, what was asked for: {kind, rows, x, y, colours}
    this.map = null; // that on the stage
    this.coloured = null; // the label that its points' colours are of
    this.stage = new Stage({
      hover: (i) => this.showFace(this.map.rows[i]),
      open: (i) => page.change(opened({ stored: this.map.rows[i] })),
      settle: (place) => this.change(place),
      enclose: (lasso) => this.change({ lasso }),
    });
    this.offer = make("div", { class: "offer" });
    const kinds = MAP_KINDS.filter((kind) => kind in COSTS || page.about.files.map);
    const named = kinds.map((kind) => [kind, NAMES[kind]]);
    this.kinds = choice("Map", named, (kind) => this.choose(kind));
    this.tools = make("div", { class: "tools", hidden: true }, ...this.card(), ...this.controls());
    this.side = make("div", { class: "side", hidden: true }, this.kinds.row, this.tools);
    this.element = make(
      "section",
      { class: "map" },
      make("h1", { class: "unseen" }, "Map"),
      make("div", { class: "canvas" }, this.stage.element, this.offer),
      this.side,
    );
    this.showFace = newest((row) => this.paintFace(row), page.fail);
    this.setColour = newest((map, name) => this.paintColour(map, name), page.fail);
    this.load = newest(() => this.look(), page.fail);
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
    return [
      make("div", { class: "buttons" }, mode.row, whole),
      labels.length ? this.colours : null,
      this.legend,
      this.chosen,
      make("div", { class: "buttons" }, seen, this.clear),
      make("div", { class: "buttons" }, this.copyRows),
    ];
  }

  change(part) {
    this.page.change({ map: { ...this.page.state.map, ...part } });
  }

  /** Goes to the map of a kind; zoom and lasso are of the one before, if there was one. */
  choose(kind) {
    const { page, wanted } = this;
    if (wanted === null) return page.complete({ map: { ...page.state.map, kind } });
    return this.change({ kind, ...(kind !== wanted && { ...ALL, lasso: null }) });
  }

  // The map itself: there, or to be made.

  /** The kind that the address names, else that of the first map. */
  get wanted() {
    return this.page.state.map.kind ?? this.made[0] ?? null;
  }

  /** Fetches the map that is wanted; where it isn't made, says so. */
  async look() {
    clearTimeout(this.waiting);
    const { engine } = this.page;
    const status = await engine.map.status();
    this.made = status.made;
    this.side.hidden = this.made.length === 0;
    const kind = this.wanted;
    if (this.made.includes(kind)) {
      this.maps[kind] ??= { kind, colours: {}, ...(await engine.map.points(kind)) };
      this.page.render();
    } else if (status.making) {
      this.wait(status);
    } else this.offerMaps(kind, status.errors[kind]);
  }

  wait({ making, seconds, share }) {
    const known = making === "pca"; // of t-SNE nobody knows how much is left
    const part = known ? `, ${Math.round(100 * share)} %` : "";
    this.offer.replaceChildren(
      make("p", { role: "status" }, `${NAMES[making]}: ${Math.round(seconds)} s${part}`),
      make("progress", { "aria-label": NAMES[making], ...(known && { value: share, max: 1 }) }),
    );
    this.waiting = setTimeout(this.load, WAIT);
  }

  /** Offers to make maps: the one that is wanted first. */
  offerMaps(wanted, error) {
    const none = wanted
      ? `${NAMES[wanted]}: this map is not made yet.`
      : `${counted(this.page.about.stored)} faces have no map yet.`;
    const kinds = Object.keys(COSTS).filter((kind) => !this.made.includes(kind));
    kinds.sort((a, b) => (b === wanted) - (a === wanted));
    this.offer.replaceChildren(
      make("p", {}, error ?? (wanted === "file" ? NOT_GIVEN : none)),
      ...kinds.map((kind) => this.startButton(kind)),
    );
  }

  startButton(kind) {
    const start = async () => {
      await this.page.engine.map.start(kind);
      this.choose(kind);
    };
    return button(`${NAMES[kind]}: ${COSTS[kind]}`, () => start().catch(this.page.fail));
  }

  /** Brings a map on the stage, or takes it off until there is one. */
  lay(map) {
    if (map === this.map) return;
    this.map = map;
    this.coloured = null;
    this.stage.setPoints(map?.x ?? [], map?.y ?? []);
    this.tools.hidden = map === null;
    this.offer.hidden = map !== null;
    this.offer.replaceChildren();
  }

  async paintColour(map, name) {
    if (map !== this.map || name === this.coloured) return;
    const { engine } = this.page;
    if (name) map.colours[name] ??= await engine.map.colour(map.kind, name);
    if (map !== this.map) return; // meanwhile another is on the stage
    const values = name ? map.colours[name] : null;
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

  async paintFace(row) {
    const { engine, about, state } = this.page;
    const source = { stored: row };
    const wanted = [engine.faces([{ source }], look(state, about)).then(([picture]) => picture)];
    if (about.originals) wanted.push(engine.original(source));
    const [made, kept] = await Promise.all(wanted);
    paint(this.face, made);
    if (kept) paint(this.photo, kept);
    this.told.textContent = `Row ${row}${kept ? ", and its photo" : ""}`;
    this.pair.dataset.row = row;
    this.pair.hidden = false;
    this.hint.hidden = true;
  }

  async copyList() {
    const copied = await copy(formatRows(this.page.rows));
    const done = `Copied ${counted(this.page.rows.length)} rows, as --rows takes them.`;
    this.page.tell(copied ? done : "The browser doesn't let this page copy; download them instead.");
  }

  show(state) {
    const { stage, page, wanted } = this;
    this.lay(this.maps[wanted] ?? null);
    const { map } = this;
    if (!map) this.load();
    else if (!state.map.kind) return page.complete({ map: { ...state.map, kind: wanted } });
    const { x, y, zoom, lasso, colour } = state.map;
    this.kinds.show(wanted);
    Object.assign(stage.plot.view, { x, y, zoom });
    this.colours.value = page.about.labels.includes(colour) ? colour : "";
    if (map) this.setColour(map, this.colours.value);
    stage.lasso = lasso;
    stage.plot.shown = null;
    page.mapKind = map && map.kind;
    page.rows =
      map && lasso && stage.plot.enclose(lasso).map((i) => map.rows[i]).sort((a, b) => a - b);
    const inside = page.rows && `${counted(page.rows.length)} rows in the lasso`;
    this.chosen.textContent = inside ?? (map ? `${counted(map.rows.length)} rows` : "");
    this.copyRows.disabled = !page.rows?.length;
    this.clear.disabled = !lasso;
    return stage.redraw();
  }
}
