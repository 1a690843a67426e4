/* The decoders, at work in a thread of their own (decoder_worker.js). */

export class Decoder {
  constructor() {
    this.asked = new Map(); // [resolve, reject] by number
    this.count = 0;
    this.worker = new Worker("decoder_worker.js");
    this.worker.onmessage = ({ data: { id, pixels, error } }) => {
      const [resolve, reject] = this.asked.get(id);
      this.asked.delete(id);
      if (error === undefined) resolve(pixels);
      else reject(new Error(error));
    };
    this.broken = null; // why it will never answer
    this.worker.onerror = (event) => {
      this.broken = new Error(`the decoder does not start: ${event.message ?? "not loaded"}`);
      this.asked.forEach(([, reject]) => reject(this.broken));
      this.asked.clear();
    };
  }

  /** The face of a point: RGBA pixels, Uint8ClampedArray. */
  decode(graph, z) {
    if (this.broken) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      const id = this.count++;
      this.asked.set(id, [resolve, reject]);
      this.worker.postMessage({ id, graph, z });
    });
  }
}
