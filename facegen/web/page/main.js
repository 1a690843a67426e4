/* The page: one state, one address, one view at a time; everything else is in the views. */

import { formatRows, ROWS_FILE, spell } from "./command.js";
import { button, copy, download, make } from "./elements.js";
import { connect } from "./engine.js";
import { FaceView } from "./face.js";
import { FacesView } from "./faces.js";
import { MapView } from "./map.js";
import { MixView } from "./mix.js";
import { takePhotos } from "./photo.js";
import { patiently } from "./pictures.js";
import { facePoint, fromAddress, look, mixPoint, sameSource, toAddress } from "./state.js";

const NAMES = { faces: "Faces", face: "One face", mix: "Mix", map: "Map" };
const VIEWS = { faces: FacesView, face: FaceView, mix: MixView, map: MapView };
const TOLD_SECONDS = 8;

const main = document.querySelector("main");
const mark = document.querySelector(".mark");
const nav = document.querySelector("nav");
const actions = document.querySelector(".actions");
const footer = document.querySelector("footer");
const toldBox = document.querySelector(".told");

/** What the views share: the engine, the state, and how to change it. */
class Page {
  constructor(engine) {
    this.engine = engine;
    this.about = engine.about;
    this.state = this.read({ seed: 1 });
    this.rows = null; // that the lasso holds
    this.mapKind = null; // one of MAP_KINDS (state.js), once there is a map
    this.undone = 0; // changes that "Undo" can take back
    this.chosen = 0; // corners that were put into the mix
    this.views = {}; // by name: {view, scroll, focused}, the last two as it was left
    this.shown = null; // one of them
  }

  /** The state of the address; without a store there is no map. */
  read(fallback) {
    const state = fromAddress(location.hash, fallback);
    return state.view === "map" && !this.engine.map ? { ...state, view: "faces" } : state;
  }

  /** Changes the state. `done`: the change stands, and has an address of its own. */
  change(part, done = true) {
    Object.assign(this.state, part);
    this.hush();
    if (done) this.settle();
    this.render();
  }

  /** Tells the address what it left open: the state is no other one. */
  complete(part) {
    Object.assign(this.state, part);
    history.replaceState(this.entry, "", `#${toAddress(this.state)}`);
    this.render();
  }

  /** Gives the state as it is an address of its own. */
  settle() {
    const address = `#${toAddress(this.state)}`;
    if (address === location.hash) return;
    this.undone += 1;
    history.pushState(this.entry, "", address);
  }

  /** What an entry of the browser's history remembers beside the address. */
  get entry() {
    return { undone: this.undone, chosen: this.chosen };
  }

  render() {
    const { view } = this.state;
    document.body.dataset.view = view;
    mark.href = `#${toAddress({ ...this.state, view: "faces" })}`;
    for (const link of nav.children) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      link.href = `#${toAddress({ ...this.state, view: link.dataset.view })}`;
    }
    this.turnTo(view);
    this.shown.view.show(this.state);
    this.spell();
  }

  /** Lays a view before the eye; one that was left is found as it was left. */
  turnTo(name) {
    const next = (this.views[name] ??= { view: new VIEWS[name](this), scroll: 0, focused: main });
    if (next === this.shown) return;
    if (this.shown) {
      const focused = main.contains(document.activeElement) ? document.activeElement : main;
      Object.assign(this.shown, { scroll: scrollY, focused });
    }
    const first = this.shown === null;
    this.shown = next;
    main.replaceChildren(next.view.element);
    if (!first && [document.body, main].includes(document.activeElement)) {
      next.focused.focus({ preventScroll: true });
    }
    scrollTo(0, next.scroll);
  }

  spell() {
    const command = spell(this.state, this.about, this.rows, this.mapKind);
    const isMap = this.state.view === "map";
    this.line.textContent = command || "No command makes this here.";
    this.copy.disabled = !command;
    this.download.textContent = isMap ? "Download the rows" : "Download";
    this.download.hidden = isMap ? !this.rows?.length : this.state.view === "faces";
    this.undo.disabled = this.undone === 0;
  }

  /** Says something in passing: what was done, or an error, which stays until something changes. */
  tell(message) {
    clearTimeout(this.telling);
    this.failed = message instanceof Error;
    toldBox.textContent = this.failed ? message.message : message;
    toldBox.classList.add("shown");
    if (!this.failed) this.telling = setTimeout(() => this.hush(true), 1000 * TOLD_SECONDS);
  }

  /** Takes back an error, or whatever was told. */
  hush(all = false) {
    if (this.failed || all) toldBox.classList.remove("shown");
  }

  fail = (error) => this.tell(error);

  /** Puts a source into the mix: in the place of the oldest that nobody has chosen, else the last. */
  addCorner(source) {
    const { corners } = this.state;
    const chosen = Math.min(this.chosen, corners.length);
    if (corners.slice(0, chosen).some((corner) => sameSource(corner, source))) {
      return this.tell("It is in the mix already.");
    }
    const place = Math.min(chosen, corners.length - 1);
    this.chosen = place + 1;
    this.change({ corners: corners.map((corner, i) => (i === place ? source : corner)) });
    return this.tell(`In the mix: corner ${place + 1} of ${corners.length}.`);
  }

  async save() {
    const { state, about } = this;
    if (state.view === "map") {
      return download(ROWS_FILE, new Blob([`${formatRows(this.rows)}\n`], { type: "text/plain" }));
    }
    const point = state.view === "mix" ? mixPoint(state) : facePoint(state, about);
    const { name, blob } = await patiently(this.engine.save(point, look(state, about)));
    return download(name, blob);
  }

  async copyCommand() {
    const copied = await copy(this.line.textContent);
    if (!copied) getSelection().selectAllChildren(this.line);
    const done = "Copied: it makes exactly this on the command line.";
    this.tell(copied ? done : "Copy the selected command by hand.");
  }

  frame() {
    const views = Object.keys(NAMES).filter((view) => view !== "map" || this.engine.map);
    nav.append(...views.map((view) => make("a", { "data-view": view }, NAMES[view])));
    this.undo = button("Undo", () => history.back(), { title: "Ctrl+Z" });
    actions.append(this.undo);
    if (this.about.photos) actions.append(takePhotos(this));
    this.line = make("code", {});
    const line = make(
      "div",
      { class: "line", tabindex: 0, role: "group", "aria-label": "The command that makes this" },
      this.line,
    );
    this.copy = button("Copy the command", () => this.copyCommand().catch(this.fail));
    this.download = button("Download", () => this.save().catch(this.fail), { class: "main" });
    const { name, version, note } = this.about;
    footer.before(make("aside", { class: "note", "aria-label": "The model" }, `${name}, facegen ${version}. ${note}`));
    footer.append(line, make("div", { class: "take" }, this.copy, this.download));
  }

  listen() {
    addEventListener("popstate", (event) => {
      // A link, or an address that was typed, leads to an entry that has no number yet.
      this.undone = event.state?.undone ?? this.undone + 1;
      this.chosen = event.state?.chosen ?? this.chosen;
      history.replaceState(this.entry, "");
      this.state = this.read(this.state);
      this.hush();
      this.render();
    });
    addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input[type=number], input[type=search]");
      if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey && !typing) {
        event.preventDefault();
        if (this.undone) history.back();
      }
    });
    toldBox.addEventListener("click", () => this.hush(true));
  }
}

connect().then(
  (engine) => {
    const page = new Page(engine);
    document.title = `facegen: ${engine.about.name}`;
    history.replaceState(page.entry, "", `#${toAddress(page.state)}`);
    page.frame();
    page.listen();
    page.render();
  },
  (error) => main.replaceChildren(make("p", { class: "wait" }, error.message)),
);
