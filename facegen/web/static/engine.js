/* The engine of a static explorer: it draws, edits and decodes in the browser.

   It has the exports of page/engine.js, in whose place it lies in the folder that `facegen explore
   --static` makes; what they are is written there. Photos, stores and fitted samplers are the
   server's alone. */

import { Decoder } from "./decoder.js";
import { stamped } from "./png.js";
import { drawn, edited, mixed, offset, radiusOf } from "./points.js";
import { provenance } from "./provenance.js";
import { sharpen } from "./sharpening.js";

const MODEL = "model.json"; // facegen/web/static_page.py writes it
const DIRECTIONS = "directions.f32"; // float32, little-endian, one after the other as in about

async function read(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} can't be loaded: ${response.statusText}`);
  return response;
}

export async function connect() {
  const decoder = new Decoder(); // begins to load
  const model = await (await read(MODEL)).json();
  const { directions, latent_dim: length } = model.about;
  const vectors = new Map();
  if (directions.length > 0) {
    const numbers = new Float32Array(await (await read(DIRECTIONS)).arrayBuffer());
    directions.forEach(({ name }, i) => {
      vectors.set(name, numbers.subarray(i * length, (i + 1) * length));
    });
  }
  const engine = new Engine(model, vectors, decoder);
  // Loads the decoder while the page says so; the face of the origin is shown to nobody.
  await engine.decode(model.about.decoders[0], new Float32Array(length));
  return engine;
}

class Engine {
  constructor(model, vectors, decoder) {
    this.about = model.about;
    this.map = null;
    this.model = model;
    this.vectors = vectors;
    this.decoder = decoder;
  }

  async faces(points, look) {
    const pictures = [];
    for (const point of points) pictures.push(await this.picture(point, look));
    return pictures;
  }

  async save(point, look) {
    const { size, pixels } = await this.picture(point, look);
    const canvas = new OffscreenCanvas(size, size);
    canvas.getContext("2d").putImageData(new ImageData(pixels, size, size), 0, 0);
    const png = await canvas.convertToBlob({ type: "image/png" });
    const made = provenance(point, look, this.model);
    return { name: "face.png", blob: stamped(png, made, this.model.xmp) };
  }

  decode(decoder, z) {
    return this.decoder.decode(this.model.graphs[decoder], z);
  }

  async picture(point, look) {
    const size = this.about.image_size;
    const { z, radius } = this.place(point, look.sampler);
    const decoded = await this.decode(look.decoder, z);
    const pixels = look.sharpen === null ? decoded : sharpen(decoded, size, look.sharpen);
    return { size, pixels, radius };
  }

  /** Where a face lies, and how far from the origin it does by itself. */
  place(point, sampler) {
    const draw = (source) => drawn(source, sampler, this.about.latent_dim, this.model.training);
    const names = point.attribute ?? {};
    const move = offset(names, point.without ?? [], (name) => this.direction(name));
    const change = (z) => edited(z, point.radius, move);
    if (point.corners) {
      const z = mixed(point.corners.map((source) => change(draw(source))), point.at);
      return { z, radius: radiusOf(z) };
    }
    const z = draw(point.source);
    return { z: change(z), radius: radiusOf(z) };
  }

  direction(name) {
    const vector = this.vectors.get(name);
    if (vector === undefined) throw new Error(`this page has no direction ${name}`);
    return vector;
  }
}
