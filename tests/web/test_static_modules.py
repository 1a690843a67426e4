"""The static explorer's arithmetic in JavaScript against NumPy's and Pillow's, in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from facegen.images.sharpening import Sharpening
from facegen.latent import random_points
from facegen.latent.directions import remove
from facegen.latent.edits import Edit
from facegen.latent.interpolation import mix
from facegen.latent.radius_quantiles import RadiusQuantiles
from facegen.latent.samplers import AtPercentiles, OnShell, PointSampler, Sampler, Truncated
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


TRAINING = RadiusQuantiles((0, 0.05, 0.5, 1), (3.0, 5.5, 6.25, 9.0))
SAMPLERS: dict[str, PointSampler] = {
    '{"sigma": 1.3}': Sampler(sigma=1.3),
    '{"r_limit": 2.5}': Sampler(r_limit=2.5),
    '{"radius": 7.3}': OnShell(Sampler(), 7.3),
    '{"truncation": 0.7}': Truncated(Sampler(), np.zeros(40, np.float32), 0.7),
    '{"radius_percentile": [0, 100]}': AtPercentiles(Sampler(), 0, 100, TRAINING),
    '{"radius_percentile": [3, 60]}': AtPercentiles(Sampler(), 3, 60, TRAINING),
}


def computed(call: str, **values: Any) -> np.ndarray:
    """What a call of points.js gives, a list of points; `given` has the values, vectors and all."""
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ drawn, edited, mixed, offset }} from "MODULES/points.js";
        const given = JSON.parse(readFileSync(0));
        console.log(JSON.stringify({call}.map((point) => Array.from(point))));
    """
    content = json.dumps(values, default=lambda array: array.tolist()).encode()
    return np.array(json.loads(run_module(script, content)), np.float32)


def test_samplers_give_the_points_that_generate_gives():
    found = computed(
        f"[{', '.join(SAMPLERS)}].flatMap((sampler) => [...Array(20).keys()].map("
        "(row) => drawn({ seed: 3, row }, sampler, 40, given)))",
        shares=TRAINING.shares,
        radii=TRAINING.radii,
    )
    expected = [sampler.sample(range(20), 40, seed=3) for sampler in SAMPLERS.values()]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-6)


REFUSED = {
    '{"radius": 7, "r_limit": 2}': "radius and r_limit don't go together",
    '{"sigma": 0}': "sigma must be above 0, not 0",
    '{"truncation": 1.5}': "truncation must be above 0 and at most 1, not 1.5",
    '{"radius_percentile": [90, 10]}': "percentiles are two of 0 to 100, the smaller first, not 90",
    '{"fitted": true}': "this page has no fitted sampler",
    '{"radius_percentile": [5, 95]}': "the radii of this model's training faces are not known",
}


def test_samplers_that_generate_refuses_are_refused():
    script = f"""
        import {{ drawn }} from "MODULES/points.js";
        for (const sampler of [{", ".join(REFUSED)}]) {{
            const known = !sampler.radius_percentile || sampler.radius_percentile[0] > 5;
            const training = known ? {{ shares: [0, 1], radii: [1, 2] }} : null;
            try {{
                drawn({{ seed: 3, row: 0 }}, sampler, 8, training);
                console.log("taken");
            }} catch (error) {{
                console.log(error.message);
            }}
        }}
    """
    told = run_module(script).decode().splitlines()
    wrong = {a: b for a, b in zip(told, REFUSED.values(), strict=True) if not a.startswith(b)}
    assert wrong == {}


def test_moves_without_other_directions_are_those_of_edit():
    random = np.random.default_rng(1)
    vectors = dict(zip("abcd", random.normal(size=(4, 40)).astype(np.float32), strict=True))
    vectors["d"] = vectors["c"] * 2  # others may depend on each other
    amounts, without = {"a": 1.5, "b": -0.25}, ["c", "d"]
    found = computed(
        "[offset(given.amounts, given.without, (name) => given.vectors[name])]",
        amounts=amounts,
        without=without,
        vectors=vectors,
    )
    left = remove(
        np.stack([vectors[name] for name in amounts]), np.stack([vectors["c"]]), list(amounts)
    )
    expected = np.array([*amounts.values()]) @ left
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_a_direction_of_which_nothing_is_left_is_an_error():
    script = """
        import { offset } from "MODULES/points.js";
        const vector = (name) => ({ a: [1, 2, 0], b: [-2, -4, 0] })[name];
        try {
            offset({ a: 1 }, ["b"], vector);
        } catch (error) {
            console.log(error.message);
        }
    """
    assert b"nothing of the direction a is left without the others" in run_module(script)


def test_an_edit_goes_to_the_radius_first_and_is_added_then():
    z = random_points.normal([4], 40, seed=3)
    added = random_points.normal([5], 40, seed=3)[0]
    found = computed(
        "[edited(Float32Array.from(given.z), 9.5, Float32Array.from(given.added))]",
        z=z[0],
        added=added,
    )
    np.testing.assert_allclose(found, Edit(radius=9.5).apply(z) + added, rtol=1e-5)


def test_places_among_two_and_four_faces_are_those_of_morph():
    places = [(0.3, 0.6), (0, 0), (1, 0), (0, 1), (1, 1), (0, 0.5), (0.25, 1)]
    corners = random_points.normal(range(4), 40, seed=3)
    vectors = "given.corners.map((corner) => Float32Array.from(corner))"
    call = f"given.places.map((place) => mixed({vectors}, place))"
    found = computed(call, corners=corners, places=places)
    np.testing.assert_allclose(found, mix(corners, places), atol=2e-6)
    for point, (u, v) in zip(found, places, strict=True):
        if u in (0, 1) and v in (0, 1):
            np.testing.assert_array_equal(point, corners[int(u + 2 * v)])
    ways = [(u, 0) for u, _ in places]
    found = computed(call, corners=corners[:2], places=ways)
    np.testing.assert_allclose(found, mix(corners[:2], [way[:1] for way in ways]), atol=2e-6)


def test_faces_that_are_alike_or_opposite_are_mixed_as_morph_does():
    z = random_points.normal([4], 40, seed=3)[0]
    call = "[mixed(given.corners.map((corner) => Float32Array.from(corner)), [0.5, 0])]"
    np.testing.assert_allclose(computed(call, corners=[z, z * 1.5])[0], z * 1.25, rtol=1e-6)
    script = """
        import { mixed } from "MODULES/points.js";
        try {
            mixed([Float32Array.of(1, 2), Float32Array.of(-1, -2)], [0.5, 0]);
        } catch (error) {
            console.log(error.message);
        }
    """
    assert b"lie opposite each other" in run_module(script)


def test_sharpening_is_pillow_s_bit_for_bit():
    size, factors = 24, [0, 0.3, 1, 3, 7, -1.5]
    random = np.random.default_rng(0)
    face = random.integers(0, 256, (1, size, size, 3), np.uint8)
    face[:, 8:16] //= 32  # noise alone would be clipped nearly everywhere
    opaque = np.concatenate([face[0], np.full((size, size, 1), 255, np.uint8)], axis=2)
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ sharpen }} from "MODULES/sharpening.js";
        const pixels = new Uint8ClampedArray(readFileSync(0));
        for (const factor of {factors}) {{
            process.stdout.write(Buffer.from(sharpen(pixels, {size}, factor)));
        }}
    """
    sharpened = np.frombuffer(run_module(script, opaque.tobytes()), np.uint8)
    sharpened = sharpened.reshape(len(factors), size, size, 4)
    expected = [Sharpening(sharpness=factor).apply_to_faces(face)[0] for factor in factors]
    np.testing.assert_array_equal(sharpened[..., :3], expected)
    assert (sharpened[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (range(0, 3000, 2), "--points mu --rows 0,2,4,"),
        (range(0, 30_000, 2), "--points mu --rows - -o some.png < rows.txt"),
    ],
)
def test_a_lasso_of_more_rows_than_a_line_can_have_is_read_from_a_file(rows: range, words: str):
    script = """
        import { spell } from "MODULES/../page/command.js";
        import { defaults } from "MODULES/../page/state.js";
        const about = { decoders: ["plain"], directions: [], files: { latents: "latents.h5" } };
        const rows = Array.from({ length: COUNT }, (_, i) => 2 * i);
        console.log(spell({ ...defaults(), view: "map" }, about, rows, "pca"));
    """
    command = run_module(script.replace("COUNT", str(len(rows)))).decode()
    assert words in command
    assert len(command) < 8192  # what Windows takes
