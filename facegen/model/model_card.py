"""MODEL_CARD.md: what a model was made from, what it may be used for, what it can't do."""

from __future__ import annotations

from typing import Any

from facegen.model.ancestry import Ancestor, ancestry
from facegen.options import ModelOptions, TrainingOptions, recorded

CRISP_HEADING = "## The crisp decoder"
# https://huggingface.co/docs/hub/model-cards: YAML between lines of dashes.
UNKNOWN = """\
# For model hubs, which read it in README.md: publish this card under that name. What others may do
# with the weights depends on the photos that they were made from; say it here.
license: unknown
"""
INHERITED = """\
# For model hubs, which read it in README.md: publish this card under that name. The licence is that
# of {name}, whose arrays the training began with; say it here if your photos allow less.
"""
HUB_HEAD = f"""\
---
{UNKNOWN}library_name: facegen
pipeline_tag: unconditional-image-generation
tags:
- autoencoder
- faces
- tflite
---
"""


def model_card(
    options: ModelOptions,
    training: TrainingOptions,
    data: dict[str, Any],
    metrics: dict[str, Any],
    ancestors: list[Ancestor],
) -> str:
    """The text of MODEL_CARD.md."""
    return f"""{_head(ancestors)}
# Model card

A {"variational autoencoder" if options.kind == "vae" else "plain autoencoder"} of face photos, \
{data["size"]}x{data["size"]} pixels, with a latent space of {options.latent_dim} dimensions, \
trained with facegen.

## Data

{data["training_images"]} training images and {data["test_images"]} test images from \
{data["source"]}; crop: {data["crop"]}. Fingerprint of the face set: `{data["fingerprint"]}`.
{_notes(data, ancestors)}
## Losses

In nats per image, reconstructing from mu with the weights as published. The floor is the \
cross-entropy of the images with themselves, the excess what the model adds to it; kl_loss \
includes the factor kl_weight.

| split | images | total_loss | reco_loss | kl_loss | kl share | floor | excess |
|---|---|---|---|---|---|---|---|
{_table(metrics)}

The LiteRT graphs give Keras' pictures to within {metrics["export_difference"]["picture"]:.1e} \
(1/255 is {1 / 255:.1e}).
{_kept(training, metrics)}
## Options

{_listed({**recorded(options), **recorded(training)})}

## What it can't do

- Fine detail: the loss per pixel blurs hair, teeth and backgrounds. Sharpening helps the eye, \
not the truth.
- Faces unlike its training photos: other crops, poses, ages, skin tones or accessories that are \
rare there come out wrong, or as something more common.
- Points far from the training data: beyond their radius (config.json, radius_quantiles) faces \
break up.
- Identify anybody: a reconstruction resembles, it does not prove.
"""


def _head(ancestors: list[Ancestor]) -> str:
    """What hubs read; the licence of the model that the training began with holds here, too."""
    licence = ancestors[0].get("licence") if ancestors else None
    if not licence:
        return HUB_HEAD
    lines = "".join(f"{name}: {value}\n" for name, value in licence.items())
    return HUB_HEAD.replace(UNKNOWN, INHERITED.format(name=ancestors[0]["name"]) + lines)


def _notes(data: dict[str, Any], ancestors: list[Ancestor]) -> str:
    """What is to be said of the data, the model's own and those of its ancestors."""
    note = f"\n{data['note']}\n" if data["note"] else ""
    return note + (f"\n## Ancestors\n\n{ancestry(ancestors)}\n" if ancestors else "")


def _kept(training: TrainingOptions, metrics: dict[str, Any]) -> str:
    """Of which epoch the weights are, where that is not the last one by rule."""
    if "best_epoch" not in metrics:
        return ""
    best, last = (int(metrics[name]["epoch"]) for name in ("best_epoch", "last_epoch"))
    return (
        f"\nThe weights are those of epoch {best} of {last}, whose test loss was the lowest "
        f"(--patience {training.patience}).\n"
    )


def _listed(values: dict[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in values.items())


def _table(metrics: dict[str, Any]) -> str:
    """The rows of the table of losses."""
    return "\n".join(
        f"| {split} | {f['images']} | {f['total_loss']:.1f} | {f['reco_loss']:.1f} "
        f"| {f['kl_loss']:.1f} | {100 * f['kl_share']:.2f} % "
        + (f"| {f['floor']:.1f} | {f['excess']:.1f} |" if "floor" in f else "| | |")
        for split, f in ((s, metrics[s]) for s in ("train", "test"))
        if f
    )


def with_crisp_section(card: str, crisp: dict[str, Any]) -> str:
    """A model card that ends with what is to be said of the crisp decoder, once.

    An older card gets the head that hubs read; one that is there stays, as somebody may have said
    the licence in it.

    Args:
        crisp: options, data and metrics, as config.json records them.
    """
    card = card.partition(CRISP_HEADING)[0].rstrip()
    head = "" if card.startswith("---\n") else f"{HUB_HEAD}\n"
    note = f"\n{crisp['data']['note']}\n" if crisp["data"]["note"] else ""
    if crisp.get("ancestors"):
        note += f"\n{ancestry(crisp['ancestors'])}\n"
    return f"""{head}{card}

{CRISP_HEADING}

A second decoder for the same latent space, trained against opponents that tell real faces from \
generated ones ('facegen refine') on the face set `{crisp["data"]["fingerprint"]}`. Its faces have \
the detail that the loss per pixel blurs; where a point does not say what the detail is, it is \
made up. It is larger than the plain one and decodes more slowly. 'facegen evaluate' measures both.
{note}
{_listed(crisp["options"])}
"""
