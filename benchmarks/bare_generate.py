"""What start_up.py compares with: the least that makes and saves the same 28 faces.

Python, NumPy, Pillow and LiteRT, the same points and the same graph, a sheet in a PNG; no command
line, no checks, no provenance, nothing that is told.

Usage: python benchmarks/bare_generate.py DECODER.tflite OUTPUT.png SEED
"""

import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

graph, output, seed = sys.argv[1:]
interpreter = Interpreter(graph, num_threads=len(os.sched_getaffinity(0)))
argument, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
points = np.empty((28, argument["shape"][1]), np.float32)
for row, point in enumerate(points):
    key = np.array([int(seed), 0], np.uint64)
    counter = np.array([0, row, 0, 0], np.uint64)
    random = np.random.Generator(np.random.Philox(key=key, counter=counter))
    point[:] = (random.random(len(point), np.float32) * np.float32(2) - 1) * np.float32(2.5)
interpreter.resize_tensor_input(argument["index"], points.shape)
interpreter.allocate_tensors()
interpreter.set_tensor(argument["index"], points)
interpreter.invoke()
faces = np.rint(interpreter.get_tensor(result["index"]) * 255).clip(0, 255).astype(np.uint8)
size = faces.shape[1] + 4
sheet = np.full((4 * size + 4, 7 * size + 4, 3), 255, np.uint8)
for index, face in enumerate(faces):
    upper, left = 4 + index // 7 * size, 4 + index % 7 * size
    sheet[upper : upper + size - 4, left : left + size - 4] = face
Image.fromarray(sheet).save(output)
