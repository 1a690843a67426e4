"""The static explorer's arithmetic in JavaScript against NumPy's and Pillow's, in Node."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from facegen.images.sharpening import Sharpening
from facegen.latent import random_points
from running import REPOSITORY

NODE = shutil.which("node")
MODULES = (REPOSITORY / "facegen" / "web" / "static").as_uri()
LARGEST_SEED = 2**64 - 1

pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def run_module(script: str, content: bytes = b"") -> bytes:
    """What a module writes, given some bytes; MODULES stands for the folder of ours."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", script.replace("MODULES", MODULES)],
        input=content,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def drawn(call: str, rows: range, latent_dim: int) -> np.ndarray:
    """Points of some rows, drawn in JavaScript by a call for `row`, float32 (n, latent_dim)."""
    script = f"""
        import {{ normal, uniform }} from "MODULES/random_points.js";
        const points = new Float32Array({len(rows) * latent_dim});
        for (let i = 0; i < {len(rows)}; i++) {{
            const row = {rows.start}n + BigInt(i);
            points.set({call}, i * {latent_dim});
        }}
        process.stdout.write(Buffer.from(points.buffer));
    """
    return np.frombuffer(run_module(script), np.float32).reshape(len(rows), latent_dim)


def test_a_thousand_rows_of_normal_points_are_numpy_s_bit_for_bit():
    points = drawn("normal(row, 256, { seed: 5n })", range(1000), 256)
    expected = random_points.normal(range(1000), 256, seed=5)
    assert (abs(expected) > 3.66).sum() > 50  # the tail, where logarithms are taken, is in it
    np.testing.assert_array_equal(points, expected)


def test_the_largest_seed_and_row_are_numpy_s_too():
    rows = range(random_points.MAX_ROW - 2, random_points.MAX_ROW + 1)
    points = drawn(f"normal(row, 33, {{ seed: {LARGEST_SEED}n, sigma: 1.3 }})", rows, 33)
    expected = random_points.normal(rows, 33, seed=LARGEST_SEED, sigma=1.3)
    np.testing.assert_array_equal(points, expected)


def test_a_thousand_rows_of_uniform_points_are_numpy_s_bit_for_bit():
    points = drawn("uniform(row, 256, { seed: 7n, rLimit: 2.3 })", range(1000), 256)
    expected = random_points.uniform(range(1000), 256, seed=7, r_limit=2.3)
    np.testing.assert_array_equal(points, expected)


def test_draws_of_64_bits_leave_the_half_that_one_of_32_bits_left():
    script = """
        import { Generator, RADIUS } from "MODULES/random_points.js";
        const random = new Generator(9n, 4n, RADIUS);
        const draws = [random.float(), random.double(), random.float(), random.double()];
        process.stdout.write(Buffer.from(Float64Array.from(draws).buffer));
    """
    random = random_points.generator(9, 4, random_points.RADIUS)
    single, double = (lambda: random.random(dtype=np.float32)), random.random
    expected = [single(), double(), single(), double()]
    np.testing.assert_array_equal(np.frombuffer(run_module(script), np.float64), expected)


@pytest.mark.parametrize("factor", [0, 0.3, 1, 3, 7, -1.5])
def test_sharpening_is_pillow_s_bit_for_bit(factor: float):
    size = 24
    random = np.random.default_rng(0)
    face = random.integers(0, 256, (1, size, size, 3), np.uint8)
    face[:, 8:16] //= 32  # noise alone would be clipped nearly everywhere
    opaque = np.concatenate([face[0], np.full((size, size, 1), 255, np.uint8)], axis=2)
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ sharpen }} from "MODULES/sharpening.js";
        const pixels = new Uint8ClampedArray(readFileSync(0));
        process.stdout.write(Buffer.from(sharpen(pixels, {size}, {factor})));
    """
    sharpened = np.frombuffer(run_module(script, opaque.tobytes()), np.uint8)
    expected = Sharpening(sharpness=factor).apply_to_faces(face)[0]
    sharpened = sharpened.reshape(size, size, 4)
    np.testing.assert_array_equal(sharpened[..., :3], expected)
    assert (sharpened[..., 3] == 255).all()
