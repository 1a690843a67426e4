"""python docs/update_model_card.py [--check]: what hubs read in the card of the default model.

A training can't know what its photos may be used for; of the default model it is said here. Its
config.json then has the digest of the card as it is. With --check it changes nothing and exits with
1 if one of the two is out of date.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from facegen.io.weights import CARD, CONFIG
from facegen.strict_json import to_json

FOLDER = Path(__file__).parent.parent / "weights" / "celeba-vae"
HEAD = """\
---
license: other
license_name: celeba-noncommercial-research
license_link: http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
library_name: facegen
pipeline_tag: unconditional-image-generation
datasets:
- celeba
tags:
- autoencoder
- variational-autoencoder
- faces
- tflite
---
"""


def with_head(card: str) -> str:
    """A card that begins with HEAD, in place of a head that it may have."""
    if card.startswith("---\n"):
        card = card.split("---\n", 2)[2]
    return HEAD + "\n" + card.lstrip("\n")


def main() -> int:
    card = with_head((FOLDER / CARD).read_text(encoding="utf-8"))
    config = json.loads((FOLDER / CONFIG).read_text(encoding="utf-8"))
    config["files"][CARD] = hashlib.sha256(card.encode()).hexdigest()
    wanted = {CARD: card, CONFIG: to_json(config, indent=2) + "\n"}
    wrong = [name for name, text in wanted.items() if (FOLDER / name).read_text() != text]
    for name in wrong:
        if "--check" in sys.argv:
            print(f"{FOLDER / name} is out of date; run 'make reference'", file=sys.stderr)
        else:
            (FOLDER / name).write_text(wanted[name])
    return 1 if wrong and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
