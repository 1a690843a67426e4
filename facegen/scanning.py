"""One pass over the points of a store: sums, histograms and radii, whatever the number of rows.

Within a block of 1024 rows sums are float32, which processors add eight at a time, over blocks
float64. A block stays in the processor's cache, and its sums are right to six digits. Rows that
are not finite are counted and left out. Opens no file and knows no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from facegen.errors import InputError

BLOCK = 1024  # rows, see above
AXIS_BIN, AXIS_LIMIT = 0.1, 8.0  # histograms along a coordinate go from -8 to 8
NOISE_LIMIT = 0.05  # |z - mu|, article XIII
LARGEST, LARGEST_LOGVAR = 1e15, 60.0  # beyond, float32 sums overflow: as bad as infinity

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # mu, logvar, z: float32 (n, latent_dim) each


class Moments:
    """Mean and variance of every coordinate over batches of points.

    From the sums of x and of x^2: a mean of ten deviations costs two of the six digits.

    Attributes:
        rows: how many points.
    """

    def __init__(self, latent_dim: int):
        self.rows = 0
        self._sums, self._squares = np.zeros((2, latent_dim))

    def add(self, points: np.ndarray, squares: np.ndarray | None = None) -> None:
        """Adds finite points, float32 (n, latent_dim), whose `column_squares` may be known."""
        self.rows += len(points)
        self._sums += column_sums(points)
        self._squares += column_squares(points) if squares is None else squares

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


@dataclass
class Scan:
    """What one pass over a store finds; `add` its batches.

    Attributes:
        latent_dim: coordinates of a point.
        axes: the coordinates whose distribution is counted.
        points: "z" or "mu", the points whose distribution that is.
        noise_limit: |z - mu| above it is counted.
        rows, non_finite_rows: rows counted in, rows left out.
        autoencoder: an AE's store, where logvar is -inf; None before the first batch.
        mu, z: moments of the coordinates.
        logvar_sum, variance_sum: of logvar and of exp(logvar), float64 (latent_dim).
        logvar_range: least and largest logvar.
        largest_noise, noisy: largest |z - mu|, and how many lie above the limit.
        axis_counts: int64 (len(axes), 160), bins of 0.1 from -8 to 8; the outermost bins also
            have what lies beyond.
    """

    latent_dim: int
    axes: Sequence[int] = ()
    points: str = "z"
    noise_limit: float = NOISE_LIMIT
    rows: int = 0
    non_finite_rows: int = 0
    autoencoder: bool | None = None
    logvar_range: tuple[float, float] = (np.inf, -np.inf)
    largest_noise: float = 0.0
    noisy: int = 0
    _radii: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_axes(self.axes, self.latent_dim)
        self.mu, self.z = Moments(self.latent_dim), Moments(self.latent_dim)
        self.logvar_sum, self.variance_sum = np.zeros((2, self.latent_dim))
        self.axis_counts = np.zeros((len(self.axes), round(2 * AXIS_LIMIT / AXIS_BIN)), np.int64)

    def add(self, mu: np.ndarray, logvar: np.ndarray, z: np.ndarray) -> None:
        """Adds a batch of rows, float32 (n, latent_dim) each."""
        if len(mu) == 0:
            return
        if self.autoencoder is None:
            self.autoencoder = bool(np.isneginf(logvar).mean() > 0.5)
        # Sums over the rows are needed anyway, and show whether there is a row to leave out.
        squares_mu, squares_z = column_squares(mu), column_squares(z)
        with np.errstate(over="ignore", invalid="ignore"):
            scratch = np.exp(logvar)
            sums, variances = column_sums(logvar), column_sums(scratch)
        if self.autoencoder:
            sound = np.isneginf(sums) & (variances == 0)
        else:
            sound = np.isfinite(sums + variances)
        if not (sound & np.isfinite(squares_mu + squares_z)).all():
            self._add_sound_rows(mu, logvar, z)
            return
        self.rows += len(mu)
        self._radii.append((row_radii(mu), row_radii(z)))
        self.mu.add(mu, squares_mu)
        self.z.add(z, squares_z)
        self.logvar_sum += sums
        self.variance_sum += variances
        least, largest = self.logvar_range
        self.logvar_range = min(least, float(logvar.min())), max(largest, float(logvar.max()))
        self._add_noise(mu, z, scratch)
        self._count_axes(z if self.points == "z" else mu)

    def _add_sound_rows(self, mu: np.ndarray, logvar: np.ndarray, z: np.ndarray) -> None:
        """Adds those rows of a batch whose numbers, and sums of them, are finite."""
        sound = (row_radii(mu) < LARGEST) & (row_radii(z) < LARGEST)
        if self.autoencoder:
            sound &= np.isneginf(logvar).all(axis=1)
        else:
            sound &= ((logvar > -LARGEST) & (logvar < LARGEST_LOGVAR)).all(axis=1)
        self.non_finite_rows += int(np.count_nonzero(~sound))
        self.add(mu[sound], logvar[sound], z[sound])

    def _add_noise(self, mu: np.ndarray, z: np.ndarray, scratch: np.ndarray) -> None:
        noise = np.abs(np.subtract(z, mu, out=scratch), out=scratch)
        self.largest_noise = max(self.largest_noise, float(noise.max()))
        self.noisy += int(np.count_nonzero(noise > self.noise_limit))

    def _count_axes(self, points: np.ndarray) -> None:
        axes, bins = self.axis_counts.shape
        places = np.floor((points[:, self.axes] + AXIS_LIMIT) / AXIS_BIN).clip(0, bins - 1)
        places += np.arange(axes) * bins
        counts = np.bincount(places.ravel().astype(np.intp), minlength=axes * bins)
        self.axis_counts += counts.reshape(axes, bins)

    def radii(self, points: str) -> np.ndarray:
        """Radii of the finite rows, in order, float32 (rows); points: "mu" or "z"."""
        column = ("mu", "z").index(points)
        return np.concatenate([np.empty(0, np.float32), *(pair[column] for pair in self._radii)])

    @property
    def kl(self) -> np.ndarray:
        """The KL divergence of every coordinate from N(0, 1), nats, float64 (latent_dim).

        Mean over the rows of (mu^2 + exp(logvar) - 1 - logvar) / 2: the articles' KL loss without
        its factor, coordinate by coordinate.
        """
        return (self.mu.squares + (self.variance_sum - self.logvar_sum) / self.rows - 1) / 2


def check_axes(axes: Sequence[int], latent_dim: int) -> None:
    """Raises InputError if there is no such coordinate, or one is named twice."""
    outside = [axis for axis in axes if not 0 <= axis < latent_dim]
    if outside:
        raise InputError(f"there is no axis {outside[0]}: the axes are 0 to {latent_dim - 1}")
    if len(set(axes)) < len(axes):
        raise InputError("an axis is named twice")


def column_sums(points: np.ndarray) -> np.ndarray:
    """The sum of every coordinate of points (n, latent_dim), float32 (latent_dim).

    A product of matrices is three times as fast as NumPy's sum over the first axis.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ones(len(points), np.float32) @ points


def column_squares(points: np.ndarray) -> np.ndarray:
    """The sum of x^2 of every coordinate of points (n, latent_dim), float32 (latent_dim)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.einsum("ij,ij->j", points, points)


def row_radii(points: np.ndarray) -> np.ndarray:
    """The L2 norm of float32 points (n, latent_dim), float32 (n), inf or NaN for such rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.vecdot(points, points))


def scan(
    batches: Iterable[Batch],
    latent_dim: int,
    *,
    axes: Sequence[int] = (),
    points: str = "z",
    noise_limit: float = NOISE_LIMIT,
) -> Scan:
    """Reads batches of (mu, logvar, z) once, float32 (n, latent_dim) each. See `Scan`.

    Memory is flat but for the two radii of every row, 8 bytes a row.

    Raises:
        InputError: there is no such axis, or no finite row.
    """
    found = Scan(latent_dim, axes, points, noise_limit)
    for batch in batches:
        for start in range(0, len(batch[0]), BLOCK):
            mu, logvar, z = (array[start : start + BLOCK] for array in batch)
            found.add(mu, logvar, z)
    check_rows(found.rows)
    return found


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
    radii = np.concatenate([np.empty(0, np.float32), *(row_radii(batch) for batch in batches)])
    finite = radii[radii < LARGEST]
    check_rows(len(finite))
    return finite, len(radii) - len(finite)
