"""Runs a trained model: pixels to mu and logvar, points to pixels."""

from __future__ import annotations

from copy import copy
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from facegen.errors import InputError
from facegen.hardware import available_cpus
from facegen.images.pixels import to_float, to_pixels
from facegen.io.weights import CONFIG, Weights
from facegen.latent import random_points
from facegen.notices import silence

if TYPE_CHECKING:  # HDF5 costs 0.2 s, which decoding doesn't need
    from facegen.io.latent_store import Origin

# With 32 plain decoders and encoders are 2 % faster, but crisp ones 5 % slower, and a sheet of 28
# faces takes 15 ms and 17 MiB more. Results do not depend on it.
BATCH_SIZE = 16


class Graph:
    """A LiteRT graph with one input and one output, each float32 with the batch first.

    The result of a row does not depend on the batch it is in. Threads may share it: one computes
    at a time, on all of the graph's own threads.
    """

    def __init__(self, content: bytes, *, threads: int | None = None):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(
            model_content=content, num_threads=threads or available_cpus()
        )
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._batch = 0
        self._lock = Lock()  # the interpreter's tensors are the same ones for every call

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of the input."""
        return tuple(int(n) for n in self._input["shape"][1:])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one row of the output."""
        return tuple(int(n) for n in self._output["shape"][1:])

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """One batch, float32 (n, *input_shape) to a copy, float32 (n, *output_shape)."""
        with self._lock:
            if len(inputs) != self._batch:
                self._batch = 0  # until it is done: a signal may come between
                with silence():  # it announces its delegate
                    self._interpreter.resize_tensor_input(self._input["index"], inputs.shape)
                    self._interpreter.allocate_tensors()
                self._batch = len(inputs)
            self._interpreter.set_tensor(self._input["index"], inputs)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output["index"])


class Codec:
    """A trained model, ready to encode and to decode on the CPU with LiteRT.

    Each half is loaded when it is first used: half a second is too short for both. Threads may
    share a codec; what they get is what each would have got alone.
    """

    def __init__(self, weights: Weights, *, decoder: str | None = None, threads: int | None = None):
        """decoder: "plain" or "crisp"; by default crisp where the weights have one."""
        self.weights = weights
        self.decoder = weights.decoder(decoder)  # the stem of its files
        self.latent_dim = weights.model.latent_dim
        self.image_size = weights.model.image_size
        self._threads = threads
        self._graphs: dict[str, Graph] = {}
        self._carried: dict[str, bytes] = {}

    def carrying(self, half: str, *, threads: int) -> Codec:
        """A codec like this one for a process that has no weights: half of it, ready to be pickled.

        Args:
            half: "encoder", or the stem of the decoder's files.
            threads: threads that compute there.

        Raises:
            MissingFileError, InputError: the graph is missing or damaged.
        """
        codec = copy(self)
        codec._threads, codec._graphs = threads, {}
        codec._carried = {f"{half}.tflite": self.weights.read(f"{half}.tflite")}
        return codec

    def _graph(self, name: str) -> Graph:
        if name not in self._graphs:
            path = self.weights.path / name
            content = self._carried.get(name) or self.weights.read(name)
            try:
                graph = Graph(content, threads=self._threads)
            except (ValueError, RuntimeError) as error:
                raise InputError(f"{path} is damaged: {error}") from error
            found, expected = (graph.input_shape, graph.output_shape), self._shapes(name)
            if found != expected:
                raise InputError(
                    f"{path} is damaged: it takes {found[0]} and gives {found[1]}, {CONFIG} says "
                    f"{expected[0]} and {expected[1]}"
                )
            self._graphs.setdefault(name, graph)  # another thread's, if it was faster
        return self._graphs[name]

    def _shapes(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of a row that a graph takes and of one that it gives."""
        model = self.weights.model
        pixels = (model.image_size, model.image_size, model.channels)
        if name == "encoder.tflite":
            return pixels, (model.latent_dim * (2 if model.kind == "vae" else 1),)
        return (model.latent_dim,), pixels

    def _run(self, name: str, inputs: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """Runs a graph in batches; uint8 stands for pixels, converted while they are in cache."""
        graph = self._graph(name)
        outputs: np.ndarray = np.empty((len(inputs), *graph.output_shape), dtype)
        for start in range(0, len(inputs), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            batch = inputs[rows]
            values = graph.run(to_float(batch) if batch.dtype == np.uint8 else batch)
            outputs[rows] = to_pixels(values) if dtype == np.uint8 else values
        return outputs

    def encode(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Faces to the means and the log-variances of their points.

        Args:
            pixels: uint8 (N, image_size, image_size, 3).

        Returns:
            mu and logvar, float32 (N, latent_dim). An AE has no variance: its logvar is -inf.

        Raises:
            InputError: the pixels have another shape, or are not uint8.
        """
        pixels = _array(pixels)
        if pixels.dtype != np.uint8:
            raise InputError(f"faces must be pixels of 0 to 255 as uint8, not {pixels.dtype}")
        expected = (self.image_size, self.image_size, self.weights.model.channels)
        if pixels.shape[1:] != expected:
            raise InputError(
                f"the weights {self.weights.name} need faces of {expected}, not {pixels.shape[1:]}"
            )
        outputs = self._run("encoder.tflite", pixels)
        mu, logvar = outputs[:, : self.latent_dim], outputs[:, self.latent_dim :]
        if self.weights.model.kind == "ae":
            logvar = np.full_like(mu, -np.inf)
        return mu, logvar

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Points to faces.

        Args:
            z: (N, latent_dim), floats or integers of any size, which are rounded to float32.

        Returns:
            uint8 (N, image_size, image_size, 3).

        Raises:
            InputError: z has another shape, or is not finite as float32, or no real numbers.
        """
        return self._run(f"{self.decoder}.tflite", self._check_points(z), np.uint8)

    def decode_values(self, z: np.ndarray) -> np.ndarray:
        """As `decode`, but float32 in [0, 1], not rounded to pixels."""
        return self._run(f"{self.decoder}.tflite", self._check_points(z))

    def _check_points(self, z: np.ndarray) -> np.ndarray:
        """Points as float32, rounded to the nearest; whatever that can't hold is refused."""
        z = _array(z)
        if z.dtype.kind not in "fiu":
            raise InputError(f"points must be floats or integers, not {z.dtype}")
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise InputError(
                f"the weights {self.weights.name} need points (N, {self.latent_dim}), not {z.shape}"
            )
        with np.errstate(over="ignore"):  # it is told here
            z = np.ascontiguousarray(z, np.float32)
        wrong = np.flatnonzero(~np.isfinite(z).all(axis=1))
        if len(wrong):
            raise InputError(
                f"point {wrong[0]} of {len(z)} is not finite as float32; it can't be decoded"
            )
        return z


def encode_points(
    codec: Codec, pixels: np.ndarray, rows: range, origin: Origin
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """mu, logvar and z of the faces of some rows, as the store of that origin has them.

    Args:
        pixels: uint8 (len(rows), image_size, image_size, 3).

    Returns:
        Each float32 (len(rows), latent_dim).
    """
    mu, logvar = codec.encode(pixels)
    z = random_points.reparameterize(
        mu,
        logvar,
        rows,
        seed=origin.seed,
        limit=origin.epsilon_limit,
        scale=origin.epsilon_scale,
    )
    return mu, logvar, z


def _array(values: np.ndarray) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise InputError(f"expected an array of numbers: {error}") from error
