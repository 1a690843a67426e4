"""One pass over the points of a store: sums, histograms and radii, whatever the number of rows.

`scan` leaves out the rows that are not finite and gives the others to what is asked for:
`Coordinates`, `Noise` or both. Within a block of 1024 rows sums are float32, which processors add
eight at a time, over blocks float64. A block stays in the processor's cache, and its sums are
right to six digits. Opens no file and knows no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facegen.errors import InputError

BLOCK = 1024  # rows, see above
AXIS_BIN, AXIS_LIMIT = 0.1, 8.0  # histograms along a coordinate go from -8 to 8
NOISE_LIMIT = 0.05  # |z - mu|, article XIII
USUAL_LOGVAR = (-3.0, 5.0)  # what lies outside is counted
LARGEST, LARGEST_LOGVAR = 1e15, 60.0  # beyond, float32 sums overflow: as bad as infinity

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # mu, logvar, z: float32 (n, latent_dim) each


@dataclass(frozen=True)
class Block:
    """Rows of a store, and what both parts of a scan want to know of them.

    Attributes:
        mu, logvar, z: float32 (n, latent_dim).
    """

    mu: np.ndarray
    logvar: np.ndarray
    z: np.ndarray

    @cached_property
    def radii(self) -> tuple[np.ndarray, np.ndarray]:
        """Of mu and of z, float32 (n) each; inf or NaN where a row is not finite."""
        return radii(self.mu), radii(self.z)

    @cached_property
    def logvar_range(self) -> tuple[float, float]:
        """Least and largest logvar."""
        return float(self.logvar.min()), float(self.logvar.max())

    @cached_property
    def logvar_sums(self) -> np.ndarray:
        """Of every coordinate, float32 (latent_dim)."""
        return column_sums(self.logvar)

    def sound(self, *, autoencoder: bool) -> np.ndarray:
        """Which rows have only numbers that are finite, as are sums of them, bool (n).

        Args:
            autoencoder: the rows are an AE's, where logvar is -inf.
        """
        low, high = (-np.inf, -np.inf) if autoencoder else (-LARGEST, LARGEST_LOGVAR)
        sound = (self.radii[0] < LARGEST) & (self.radii[1] < LARGEST)
        least, largest = self.logvar_range
        if not (low <= least and largest <= high):
            sound &= (self.logvar.min(axis=1) >= low) & (self.logvar.max(axis=1) <= high)
        return sound

    def rows(self, chosen: np.ndarray) -> Block:
        """Those of its rows, by bool (n)."""
        return Block(self.mu[chosen], self.logvar[chosen], self.z[chosen])


class CoordinateMoments:
    """Mean and variance of every coordinate over batches of points.

    From the sums of x and of x^2: a mean of ten deviations costs two of the six digits.

    Attributes:
        rows: how many points.
    """

    def __init__(self, latent_dim: int):
        self.rows = 0
        self._sums, self._squares = np.zeros((2, latent_dim))

    def add(self, points: np.ndarray) -> None:
        """Adds finite points, float32 (n, latent_dim)."""
        self.rows += len(points)
        self._sums += column_sums(points)
        self._squares += np.einsum("ij,ij->j", points, points)

    @property
    def mean(self) -> np.ndarray:
        """Float64 (latent_dim)."""
        return self._sums / self.rows

    @property
    def squares(self) -> np.ndarray:
        """Mean of x^2, float64 (latent_dim)."""
        return self._squares / self.rows

    @property
    def variance(self) -> np.ndarray:
        """Mean of (x - mean)^2, float64 (latent_dim)."""
        return np.maximum(self.squares - self.mean**2, 0)


class Coordinates:
    """What the coordinates of points are like: means, deviations, KL divergences, distributions.

    Attributes:
        latent_dim: how many coordinates.
        axes: the ones whose distribution is counted.
        points: "z" or "mu", the points whose distribution that is.
        mu, z: moments of the coordinates.
        axis_counts: int64 (len(axes), 160), bins of 0.1 from -8 to 8; the outermost bins also
            have what lies beyond.

    Raises:
        InputError: there is no such axis, or one is named twice.
    """

    def __init__(self, latent_dim: int, axes: Sequence[int] = (), points: str = "z"):
        check_axes(axes, latent_dim)
        self.latent_dim, self.axes, self.points = latent_dim, axes, points
        self.mu, self.z = (CoordinateMoments(latent_dim) for _ in range(2))
        self.axis_counts = np.zeros((len(axes), round(2 * AXIS_LIMIT / AXIS_BIN)), np.int64)
        self._logvars, self._variances = np.zeros((2, latent_dim))  # sums

    def add(self, block: Block) -> None:
        """Adds sound rows."""
        self.mu.add(block.mu)
        self.z.add(block.z)
        self._logvars += block.logvar_sums
        self._variances += column_sums(np.exp(block.logvar))
        self._count_axes(block.z if self.points == "z" else block.mu)

    def _count_axes(self, points: np.ndarray) -> None:
        axes, bins = self.axis_counts.shape
        places = np.floor((points[:, self.axes] + AXIS_LIMIT) / AXIS_BIN).clip(0, bins - 1)
        places += np.arange(axes) * bins
        counts = np.bincount(places.ravel().astype(np.intp), minlength=axes * bins)
        self.axis_counts += counts.reshape(axes, bins)

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return self.mu.rows

    @property
    def kl(self) -> np.ndarray | None:
        """The KL divergence of every coordinate from N(0, 1), nats, float64 (latent_dim).

        Mean over the rows of (mu^2 + exp(logvar) - 1 - logvar) / 2: the articles' KL loss without
        its factor, coordinate by coordinate. None for an AE.
        """
        if np.isneginf(self._logvars).any():
            return None
        return (self.mu.squares + (self._variances - self._logvars) / self.rows - 1) / 2


class Noise:
    """How much noise an encoder adds to mu, and the radii with and without it.

    Attributes:
        latent_dim: coordinates of a point.
        limit: |z - mu| above it is counted.
        rows: how many rows were added.
        logvar_sum: of every coordinate, float64 (latent_dim).
        logvar_range: least and largest logvar.
        outside: how many logvar are below -3 or above 5.
        largest, above: largest |z - mu|, and how many lie above the limit.
    """

    def __init__(self, latent_dim: int, limit: float = NOISE_LIMIT):
        self.latent_dim, self.limit = latent_dim, limit
        self.rows = 0
        self.logvar_sum = np.zeros(latent_dim)
        self.logvar_range = (np.inf, -np.inf)
        self.outside = 0
        self.largest, self.above = 0.0, 0
        self._radii: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, block: Block) -> None:
        """Adds sound rows."""
        self.rows += len(block.mu)
        self.logvar_sum += block.logvar_sums
        (least, largest), (low, high) = self.logvar_range, block.logvar_range
        self.logvar_range = min(least, low), max(largest, high)
        if low < USUAL_LOGVAR[0]:
            self.outside += int(np.count_nonzero(block.logvar < USUAL_LOGVAR[0]))
        if high > USUAL_LOGVAR[1]:
            self.outside += int(np.count_nonzero(block.logvar > USUAL_LOGVAR[1]))
        noise = block.z - block.mu
        np.abs(noise, out=noise)
        self.largest = max(self.largest, float(noise.max()))
        self.above += int(np.count_nonzero(noise > self.limit))
        self._radii.append(block.radii)

    @property
    def autoencoder(self) -> bool:
        """Whether the rows are an AE's, where logvar is -inf."""
        return self.logvar_range[1] == -np.inf

    def radii(self, points: str) -> np.ndarray:
        """Radii of the rows, in order, float32 (rows); points: "mu" or "z"."""
        column = ("mu", "z").index(points)
        return np.concatenate([pair[column] for pair in self._radii])


def check_axes(axes: Sequence[int], latent_dim: int) -> None:
    """Raises InputError if there is no such coordinate, or one is named twice."""
    outside = [axis for axis in axes if not 0 <= axis < latent_dim]
    if outside:
        raise InputError(f"there is no axis {outside[0]}: the axes are 0 to {latent_dim - 1}")
    if len(set(axes)) < len(axes):
        raise InputError("an axis is named twice")


def column_sums(points: np.ndarray) -> np.ndarray:
    """The sum of every coordinate of points (n, latent_dim), float32 (latent_dim).

    A product of matrices is twice as fast as NumPy's sum over the first axis.
    """
    return np.ones(len(points), np.float32) @ points


def radii(points: np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
    """The L2 norm of float32 points (n, latent_dim), (n); inf or NaN for such rows.

    Args:
        dtype: in which it is computed and returned. float32 is right to six digits and six times
            as fast as float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.vecdot(points, points, dtype=dtype))


def scan(batches: Iterable[Batch], *parts: Coordinates | Noise) -> int:
    """Reads batches of (mu, logvar, z) once, float32 (n, latent_dim) each, for all the parts.

    Memory is flat but for the two radii of every row in `Noise`, 8 bytes a row. The rows are an
    AE's if most logvar of the first block are -inf; then all must be.

    Returns:
        How many rows were left out because they are not finite, the same for all parts.

    Raises:
        InputError: there is no finite row.
    """
    rows, left_out = 0, 0
    autoencoder = None
    for batch in batches:
        for start in range(0, len(batch[0]), BLOCK):
            block = Block(*(array[start : start + BLOCK] for array in batch))
            if autoencoder is None:
                autoencoder = bool(np.isneginf(block.logvar).mean() > 0.5)
            sound = block.sound(autoencoder=autoencoder)
            if not sound.all():
                left_out += int(np.count_nonzero(~sound))
                block = block.rows(sound)
            if len(block.mu):
                for part in parts:
                    part.add(block)
            rows += len(block.mu)
    check_rows(rows)
    return left_out


def check_rows(rows: int) -> None:
    """Raises InputError if there is no finite row."""
    if rows == 0:
        raise InputError("there is no row of finite numbers to analyse")


def finite_radii(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, int]:
    """The radii of points that come in batches, float32 (n, latent_dim).

    Returns:
        Radii of the finite rows, float32 (rows), and how many rows are not finite.

    Raises:
        InputError: there is no finite row.
    """
    found = np.concatenate([np.empty(0, np.float32), *(radii(batch) for batch in batches)])
    finite = found[found < LARGEST]
    check_rows(len(finite))
    return finite, len(found) - len(finite)
