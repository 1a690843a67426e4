"""What generate can be asked for, and what goes together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facegen.errors import InputError
from facegen.images.sharpening import Sharpening
from facegen.latent.move_choice import MoveChoice
from facegen.latent.sampler_choice import SamplerChoice
from facegen.paths import AnyPath
from facegen.shards import Shard


@dataclass(frozen=True)
class GenerateRequest:
    """Faces to generate, and where they go: all that `facegen generate` can be told.

    Attributes:
        output: a sheet (.png; several pages where it is large) or a face set (.h5). In the name,
            {date}, {time}, {seed}, {r_limit} and {n} are filled in.
        individual: a folder for single PNGs, instead.
        count: how many faces; by default 28.
        seed: as for `generate`.
        choice: where their points come from.
        sweep: a sheet for each of these r_limits, the same directions in each.
        latents, rows: decode points of this store instead: its row numbers, as a sequence or as
            text such as "3,17,20-40".
        points: "z" or "mu", which of the store's.
        move: move them along labels' directions.
        nearest: show under each face the training face of this store that is most alike.
        faces: the face set of that store, to show the training faces themselves.
        shard: make this part of a face set alone; it needs a seed, the same for all parts, which
            `facegen.api.merge.merge` puts together.
        columns: faces a row of a sheet.
        sharpening: of each face.
        force: overwrite what exists.
        ray: decode a face set on the Ray cluster whose head node is at this HOST:PORT; "local"
            starts one on this machine. The file is the same.
        decoder, weights, threads: as for `generate`; with `ray`, threads are those of a worker, by
            default one.

    Raises:
        InputError: the values don't go together.
    """

    output: AnyPath | None = None
    individual: AnyPath | None = None
    count: int | None = None
    seed: int | None = None
    choice: SamplerChoice = SamplerChoice()
    sweep: Sequence[float] | None = None
    latents: AnyPath | None = None
    rows: Sequence[int] | str | None = None
    points: str = "z"
    move: MoveChoice | None = None
    nearest: AnyPath | None = None
    faces: AnyPath | None = None
    shard: Shard | None = None
    columns: int = 7
    sharpening: Sharpening = Sharpening()
    force: bool = False
    ray: str | None = None
    decoder: str | None = None
    weights: AnyPath | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        self._check_points()
        self._check_output()

    def _check_points(self) -> None:
        """Refuses points that come from two places."""
        flags = {"--n": self.count, "--seed": self.seed, "--sweep": self.sweep}
        own = [flag for flag, value in flags.items() if value is not None] + self.choice.flags
        if (self.latents is None) != (self.rows is None):
            raise InputError("--latents and --rows go together.")
        if self.latents is not None and own:
            raise InputError(f"--latents has points of its own; leave out {', '.join(own)}.")
        if self.sweep is not None and self.choice.flags:
            flag = self.choice.flags[0]
            raise InputError(f"--sweep is for cubes of several sizes; leave out {flag}.")
        if self.shard is not None and self.latents is None and self.seed is None:
            raise InputError("--shard needs --seed, the same for all parts.")
        if self.count is not None and self.count < 1:
            raise InputError(f"count must be at least 1, not {self.count}")
        if self.points not in ("z", "mu"):
            raise InputError(f"points must be z or mu, not {self.points!r}")

    def _check_output(self) -> None:
        """Refuses outputs that can't be, or not of these faces."""
        swept = self.sweep is not None
        if self.individual is not None and (self.output is not None or swept):
            raise InputError("--individual goes without -o and --sweep.")
        if self.output is None and self.individual is None:
            raise InputError("name an output, or a folder for individual pictures")
        suffix = ".png" if self.output is None else Path(self.output).suffix.lower()
        if suffix not in (".png", ".h5"):
            raise InputError(f"-o must end in .png (a sheet) or .h5 (a face set), not {suffix!r}")
        if self.shard is not None and suffix != ".h5":
            raise InputError("--shard is for a face set; give -o a name that ends in .h5.")
        if self.ray is not None and (suffix != ".h5" or self.individual is not None):
            raise InputError("--ray makes face sets; give -o a name that ends in .h5.")
        if swept and suffix == ".h5":
            raise InputError("--sweep makes sheets; give -o a name that ends in .png.")
        if self.faces is not None and self.nearest is None:
            raise InputError("--faces goes with --nearest.")
        if self.nearest is not None and (suffix == ".h5" or self.individual is not None or swept):
            raise InputError("--nearest makes sheets of one kind: no --sweep, --individual, .h5.")
        texts = [f"{r_limit:g}" for r_limit in self.sweep or ()]
        twice = next((text for text in texts if texts.count(text) > 1), None)
        if twice is not None:
            path = str(self.path).replace("{r_limit}", twice)
            raise InputError(f"--sweep has two steps whose sheet is {path}.")

    @property
    def choices(self) -> list[SamplerChoice]:
        """The choice of points for each output: one, or one for each r_limit of a sweep."""
        if self.sweep is None:
            return [self.choice]
        return [SamplerChoice(r_limit=r_limit) for r_limit in self.sweep]

    @property
    def path(self) -> Path:
        """The output or the folder, with its fields; of a sweep, {r_limit} is one of them."""
        given = self.individual if self.output is None else self.output
        assert given is not None  # one of the two is there
        path = Path(given)
        if self.sweep is None or "{r_limit}" in path.name:
            return path
        return path.with_stem(f"{path.stem}-r{{r_limit}}")
