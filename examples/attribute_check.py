"""python examples/attribute_check.py FACES.h5 LATENTS.h5 [--attributes FILE]: do the directions of
labels do what they say?

A judge that knows nothing of the latent space looks at pictures: for each label a logistic
regression on 48x48 pixels (150 principal components), trained on the labelled training images.
Held-out faces, of people whom neither the model nor the judge nor the directions know, are moved
along a direction and decoded. The judge should see more of the label, and as little else as can
be. It compares with the same faces decoded without a move, so that a decoder's blur counts for
nothing. Prints Markdown.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from facegen.io.face_set import FaceSet
from facegen.io.latent_store import Latents
from facegen.io.weights import Weights
from facegen.latent.directions import Directions, find_directions
from facegen.latent.random_points import select
from facegen.model.codec import Codec

LABELS = ("Smiling", "Male", "Eyeglasses", "Blond_Hair", "Young")
WITHOUT = {
    "Smiling": ["Male"],
    "Male": ["Smiling", "Blond_Hair", "Young"],
    "Eyeglasses": ["Male", "Young", "Smiling"],
    "Blond_Hair": ["Male", "Young"],
}
SIDE = 48  # pixels
COMPONENTS = 150
PENALTY = 0.003  # C of the logistic regression, inverse strength of L2; 2,129 faces are few


def shrink(faces: np.ndarray) -> np.ndarray:
    """Pictures as the judge sees them: uint8 (N, size, size, 3) to float32 (N, 48 * 48 * 3)."""
    size = (SIDE, SIDE)
    small = [Image.fromarray(face).resize(size, Image.Resampling.LANCZOS) for face in faces]
    return np.stack([np.asarray(image, np.float32).ravel() / 255 for image in small])


@dataclass
class Judge:
    """A classifier of pictures for one label, and how good it is on held-out images."""

    model: Pipeline
    accuracy: float  # balanced: mean over faces with and without
    area: float  # under the ROC curve
    spread: float  # standard deviation of its score over held-out faces that are decoded

    def score(self, pictures: np.ndarray) -> np.ndarray:
        """Log-odds that each picture has the label; of the output of `shrink`."""
        return self.model.decision_function(pictures)


def train_judges(
    faces: FaceSet, labels: list[str], values: np.ndarray, reference: np.ndarray
) -> dict[str, Judge]:
    """A judge for each label; `reference` are the held-out faces, decoded and shrunk."""
    known = np.flatnonzero(values.any(axis=1))
    training, held_out = known[~faces.is_test[known]], known[faces.is_test[known]]
    images, test_images = shrink(faces.read(training)), shrink(faces.read(held_out))
    mirrored = images.reshape(-1, SIDE, SIDE, 3)[:, :, ::-1].reshape(len(images), -1)
    images = np.concatenate([images, mirrored])
    reduce = PCA(COMPONENTS, random_state=0).fit(images)
    judges = {}
    for name in LABELS:
        label = values[:, labels.index(name)] == 1
        model = make_pipeline(
            reduce,
            StandardScaler(),
            LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000),
        )
        model[1:].fit(reduce.transform(images), np.tile(label[training], 2))
        area = roc_auc_score(label[held_out], model.decision_function(test_images))
        accuracy = balanced_accuracy_score(label[held_out], model.predict(test_images))
        spread = float(model.decision_function(reference).std())
        judges[name] = Judge(model, accuracy, area, spread)
    return judges


def probability(scores: np.ndarray) -> float:
    return float((1 / (1 + np.exp(-scores))).mean())


def print_move(judge: Judge, move: str, start: np.ndarray, after: np.ndarray, way: float) -> None:
    """A row of the table; way is the sign that the scores should change by."""
    right = np.mean((after - start) * way > 0)
    print(
        f"{move} | {judge.accuracy:.3f}, {judge.area:.3f} | {right:.1%} "
        f"| {probability(start):.3f} | {probability(after):.3f} |"
    )


def print_moves(
    codec: Codec, directions: Directions, judges: dict[str, Judge], mu: np.ndarray, amount: float
) -> None:
    """For each label: do faces that are moved along its direction look more like it?"""
    before = shrink(codec.decode(mu))
    random = np.random.default_rng(0)
    print(
        "| label | move | without | judge's balanced accuracy, AUC | faces moved the right way "
        "| mean probability before | after |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, removed in WITHOUT.items():
        judge, start = judges[name], judges[name].score(before)
        for without in ([], removed):
            for signed in (amount, -amount):
                offset = directions.offset({name: signed}, without)
                after = judge.score(shrink(codec.decode(mu + offset)))
                move = f"| {name} | {signed:+g} | {', '.join(without) or '-'}"
                print_move(judge, move, start, after, signed)
        noise = random.standard_normal(mu.shape).astype(np.float32)
        noise *= amount * np.linalg.norm(directions[name]) / np.linalg.norm(noise, axis=1)[:, None]
        after = judge.score(shrink(codec.decode(mu + noise)))
        print_move(judge, f"| {name} | random, as long | -", start, after, 1.0)


def print_entanglement(
    codec: Codec, directions: Directions, judges: dict[str, Judge], mu: np.ndarray, amount: float
) -> None:
    """What else each move changes: the mean change of every judge's score, in its spread."""
    before = shrink(codec.decode(mu))
    print("| moved along | without | " + " | ".join(judges) + " |")
    print("|---|---|" + "---|" * len(judges))
    for name, removed in WITHOUT.items():
        for without in ([], removed):
            after = shrink(codec.decode(mu + directions.offset({name: amount}, without)))
            changes = [
                float((judge.score(after) - judge.score(before)).mean()) / judge.spread
                for judge in judges.values()
            ]
            cells = [
                f"**{change:+.2f}**" if other == name else f"{change:+.2f}"
                for other, change in zip(judges, changes, strict=True)
            ]
            print(f"| {name} | {', '.join(without) or '-'} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", help="a face set with labels")
    parser.add_argument("latents", help="its encoded store")
    parser.add_argument("--attributes", help="directions; by default those beside the weights")
    parser.add_argument("--weights")
    parser.add_argument("--decoder", choices=["plain", "crisp"], help="as facegen's")
    parser.add_argument("--n", type=int, default=500, help="held-out faces to move")
    parser.add_argument("--amount", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=0, help="chooses the faces")
    arguments = parser.parse_args()
    codec = Codec(Weights.load(arguments.weights), decoder=arguments.decoder)
    directions = find_directions(codec.weights, arguments.attributes)
    with Latents.open(arguments.latents) as store, FaceSet.open(arguments.faces) as faces:
        rows = select(np.flatnonzero(store.is_test), arguments.n, seed=arguments.seed)
        mu = store.read(rows, "mu")
        values = store.file["attributes"][:]
        reference = shrink(codec.decode(mu))
        judges = train_judges(faces, store.attribute_names, values, reference)
    print(
        f"{len(mu)} held-out faces, weights {codec.weights.name}, {codec.decoder}, "
        f"seed {arguments.seed}.\n"
    )
    print_moves(codec, directions, judges, mu, arguments.amount)
    print(
        f"\nChange of every judge's mean score after a move of {arguments.amount:+g}, in standard "
        "deviations of its scores over the unmoved faces:\n"
    )
    print_entanglement(codec, directions, judges, mu, arguments.amount)


if __name__ == "__main__":
    main()
