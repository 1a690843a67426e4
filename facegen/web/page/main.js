/* The page: one state, one address, one view at a time; everything else is in the views. */

import { button, make } from "./elements.js";
import { connect } from "./engine.js";
import { spell } from "./command.js";
import { faceView } from "./face.js";
import { facesView } from "./faces.js";
import { mapView } from "./map.js";
import { mixView } from "./mix.js";
import { takePhotos } from "./photo.js";
import { facePoint, fromAddress, look, mixPoint, toAddress } from "./state.js";

const NAMES = { faces: "Faces", face: "One face", mix: "Mix", map: "Map" };
const FIRST = "#truncation=0.7"; // what an address without a state shows: faces with fewer flaws
const TOLD_SECONDS = 8;

const main = document.querySelector("main");
const mark = document.querySelector(".mark");
const nav = document.querySelector("nav");
const actions = document.querySelector(".actions");
const footer = document.querySelector("footer");
const toldBox = document.querySelector(".told");
let telling = 0;

/** What the views share: the engine, the state, and how to change it. */
class Page {
  constructor(engine) {
    this.engine = engine;
    this.about = engine.about;
    this.state = fromAddress(location.hash || FIRST, { seed: 1 });
    this.rows = null; // that the lasso holds
    this.mapKind = null; // "pca", "tsne" or a file's name, once there is a map
    this.undone = 0; // changes that "Undo" can take back
    this.views = {};
  }

  /** Changes the state. `done`: the change stands, and has an address of its own. */
  change(part, done = true) {
    Object.assign(this.state, part);
    if (done) this.settle();
    this.render();
  }

  /** Gives the state as it is an address of its own. */
  settle() {
    const address = `#${toAddress(this.state)}`;
    if (address === location.hash) return;
    this.undone += 1;
    history.pushState({ undone: this.undone }, "", address);
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
    const made = (this.views[view] ??= this.makeView(view));
    if (main.firstChild !== made.element) {
      main.replaceChildren(made.element);
      scrollTo(0, 0);
    }
    made.show(this.state);
    this.spell();
  }

  makeView(view) {
    return { faces: facesView, face: faceView, mix: mixView, map: mapView }[view](this);
  }

  spell() {
    const command = spell(this.state, this.about, this.rows, this.mapKind);
    this.line.textContent = command;
    this.copy.disabled = !command;
    this.download.hidden = !["face", "mix"].includes(this.state.view);
    this.undo.disabled = this.undone === 0;
  }

  /** Says something in passing: an error, or what was done. */
  tell(message) {
    clearTimeout(telling);
    toldBox.textContent = message instanceof Error ? message.message : message;
    toldBox.classList.add("shown");
    telling = setTimeout(() => toldBox.classList.remove("shown"), 1000 * TOLD_SECONDS);
  }

  fail = (error) => {
    if (error.name !== "AbortError") this.tell(error);
  };

  async save() {
    const point = this.state.view === "mix" ? mixPoint(this.state) : facePoint(this.state, this.about);
    const { name, blob } = await this.engine.save(
      point,
      look(this.state, this.about),
      this.line.textContent,
    );
    const url = URL.createObjectURL(blob);
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  async copyCommand() {
    const text = this.line.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Over plain HTTP from another machine there is no clipboard for pages: select it instead.
      getSelection().selectAllChildren(this.line);
      if (!document.execCommand("copy")) return this.tell("Copy the selected command by hand.");
    }
    this.tell("Copied: it makes exactly this on the command line.");
  }

  frame() {
    const views = Object.keys(NAMES).filter((view) => view !== "map" || this.engine.map);
    nav.append(...views.map((view) => make("a", { "data-view": view }, NAMES[view])));
    this.undo = button("Undo", () => history.back(), { title: "Ctrl+Z" });
    actions.append(this.undo);
    if (this.about.photos) actions.append(takePhotos(this));
    this.line = make("code", { tabindex: 0, "aria-label": "The command that makes this" });
    this.copy = button("Copy the command", () => this.copyCommand().catch(this.fail));
    this.download = button("Download", () => this.save().catch(this.fail), { class: "main" });
    footer.before(this.note());
    footer.append(this.line, make("div", {}, this.copy, this.download));
  }

  note() {
    const { name, version, note } = this.about;
    return make("p", { class: "note" }, `${name}, facegen ${version}. ${note}`);
  }

  listen() {
    addEventListener("popstate", (event) => {
      // A link, or an address that was typed, leads to an entry that has no number yet.
      this.undone = event.state?.undone ?? this.undone + 1;
      history.replaceState({ undone: this.undone }, "");
      this.state = fromAddress(location.hash, this.state);
      this.render();
    });
    addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input[type=number], input[type=search]");
      if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey && !typing) {
        event.preventDefault();
        if (this.undone) history.back();
      }
    });
  }
}

connect().then(
  (engine) => {
    const page = new Page(engine);
    document.title = `facegen: ${engine.about.name}`;
    if (page.state.view === "map" && !engine.map) page.state.view = "faces";
    history.replaceState({ undone: 0 }, "", `#${toAddress(page.state)}`);
    page.frame();
    page.listen();
    page.render();
  },
  (error) => main.replaceChildren(make("p", { class: "wait" }, error.message)),
);
