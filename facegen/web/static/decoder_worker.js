/* Runs decoders in LiteRT.js, one face at a time, beside the page's own thread.

   Asked {id, graph, z}: the address of a .tflite and a point, Float32Array. Answers {id, pixels},
   RGBA as Uint8ClampedArray, or {id, error}. A classic worker, since LiteRT.js is a script. */

"use strict";

const LITERT = "litert/";
const FLOAT32 = 1; // LiteRtElementType

importScripts(`${LITERT}litert_wasm_compat_internal.js`); // gives ModuleFactory

const running = start(); // while the page reads what it is about
running.catch(() => {}); // whoever asks for a face is told

const decoders = new Map(); // promises, by the graph's address

/** What LiteRT tells of itself is for its makers; errors are for the console. */
function report(line) {
  if (!/^(INFO|WARNING)/.test(line)) console.error(line);
}

async function start() {
  const options = { locateFile: (name) => LITERT + name, print: report, printErr: report };
  try {
    const wasm = await ModuleFactory(options);
    return { wasm, environment: wasm.LiteRtEnvironment.create(null) };
  } catch (error) {
    console.error(error);
    throw new Error(
      "What runs the model does not start: is the folder litert/ there, with all of its files? " +
        "And it needs a browser of 2023 or later (WebAssembly with SIMD).",
    );
  }
}

async function read(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} can't be loaded: ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A tensor of the host's memory for one point. */
function tensorFor({ wasm, environment }, length) {
  const shape = new wasm.VectorInt32();
  [1, length].forEach((size) => shape.push_back(size));
  const layout = wasm.LiteRtLayout.create(shape);
  const type = wasm.LiteRtRankedTensorType.create({ value: FLOAT32 }, layout);
  const memory = wasm.LiteRtTensorBufferType.HOST_MEMORY;
  const tensor = wasm.LiteRtTensorBuffer.createManaged(environment, memory, type, length * 4);
  [shape, layout, type].forEach((part) => part.delete());
  return tensor;
}

async function compile(address) {
  const [content, { wasm, environment }] = await Promise.all([read(address), running]);
  const place = wasm._malloc(content.length); // the model goes on reading there
  wasm.HEAPU8.set(content, place);
  const model = wasm.loadModel(environment, place, content.length);
  return wasm.compileModel(environment, model, {
    environment: { liteRtEnvironment: environment },
    accelerator: "wasm", // a GPU is not to be relied on, and sums otherwise
    cpuOptions: { numThreads: 1 },
    gpuOptions: {},
    webNNOptions: {},
  });
}

/** What a function makes of a tensor's bytes while they are held still. */
function withBytes(wasm, tensor, mode, use) {
  const place = tensor.lock(wasm.LiteRtTensorBufferLockMode[mode]);
  try {
    return use(new Float32Array(wasm.HEAPU8.buffer, place, tensor.size() / 4));
  } finally {
    tensor.unlock();
  }
}

/** Floats in [0, 1], RGB, to opaque pixels; such an array rounds half to even, as NumPy's rint. */
function toPixels(values) {
  const pixels = new Uint8ClampedArray((values.length / 3) * 4);
  for (let from = 0, to = 0; from < values.length; to += 4) {
    for (let channel = 0; channel < 3; channel++) {
      pixels[to + channel] = Math.fround(values[from++] * 255);
    }
    pixels[to + 3] = 255;
  }
  return pixels;
}

async function decode(graph, z) {
  if (!decoders.has(graph)) decoders.set(graph, compile(graph));
  const decoder = await decoders.get(graph);
  const { wasm, environment } = await running;
  const input = tensorFor({ wasm, environment }, z.length);
  try {
    withBytes(wasm, input, "WRITE", (values) => values.set(z));
    const [output] = await decoder.run(0, [input]);
    const pixels = withBytes(wasm, output, "READ", toPixels);
    output.delete();
    return pixels;
  } finally {
    input.delete();
  }
}

let last = Promise.resolve(); // one after the other: a graph has one set of tensors

onmessage = ({ data: { id, graph, z } }) => {
  last = last.then(() => decode(graph, z)).then(
    (pixels) => postMessage({ id, pixels }, [pixels.buffer]),
    (error) => {
      decoders.delete(graph); // it may have been the network
      postMessage({ id, error: String(error.message ?? error) });
    },
  );
};
