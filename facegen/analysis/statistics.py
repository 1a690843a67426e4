"""Numbers about the points of an encoded store; docs/analysis.md explains them.

Takes arrays or what `facegen.analysis.scan` has found, opens no file and knows no model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from facegen.analysis.scan import AXIS_BIN, AXIS_LIMIT, Coordinates, Noise
from facegen.errors import InputError

QUANTILES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
INTERVALS = ((12.0, 24.0), (14.0, 19.0))  # of the radius, article XIII
BIN_WIDTH, MAX_RADIUS = 0.5, 35.0  # article XIII
MAX_BINS = 100_000
WITHIN = 0.999  # which share of the points the histogram of radii shows at least
ACTIVE_KL = 0.01  # nats: a coordinate with less says nothing about a face
ACTIVE_VARIANCE = 0.01  # of mu, Burda et al. 2016
RADIUS_FACTOR = 1.5  # a unit normal of 256 dimensions has only radii within 1.3 times its median


def quantiles(
    values: np.ndarray, shares: Sequence[float] = QUANTILES, *, digits: int | None = None
) -> dict[str, float]:
    """Share to the value below which it lies, as JSON has it: {"0": 13.6, "0.5": 16.0, "1": 19.1}.

    Args:
        shares: by default 0 (the least value), 1 %, 5 %, quarters, 95 %, 99 % and 1.
        digits: after the point; by default all.
    """
    found = [float(value) for value in np.quantile(values, shares)]
    rounded = found if digits is None else [round(value, digits) for value in found]
    return {f"{q:g}": value for q, value in zip(shares, rounded, strict=True)}


def histogram_bins(bin_width: float, max_radius: float) -> int:
    """How many bins from 0 on reach `max_radius`, at least 1.

    Raises:
        InputError: they are too many.
    """
    bins = max_radius / bin_width - 1e-9  # 35 / 0.1 is a little more than 350
    if bins > MAX_BINS:
        raise InputError(
            f"{max_radius:g} is more than {MAX_BINS:,} bins of {bin_width:g}; choose wider bins"
        )
    return max(1, math.ceil(bins))


def histogram_end(radii: Sequence[np.ndarray]) -> float:
    """Where a histogram of radii ends: at 35, as in article XIII, or where nearly all lie below.

    Args:
        radii: float (n) of each store that comes into the histogram.
    """
    farthest = max(float(np.quantile(of_store, WITHIN)) for of_store in radii)
    return min(max(MAX_RADIUS, math.ceil(farthest)), MAX_BINS * BIN_WIDTH)


def check_intervals(intervals: Sequence[tuple[float, float]]) -> None:
    """Raises InputError if the larger number of an interval comes first, or both are the same."""
    for low, high in intervals:
        if not low < high:
            raise InputError(f"interval {low:g},{high:g}: the smaller number comes first")


def radius_numbers(
    radii: np.ndarray,
    latent_dim: int,
    *,
    bin_width: float = BIN_WIDTH,
    max_radius: float = MAX_RADIUS,
    intervals: Sequence[tuple[float, float]] = INTERVALS,
) -> dict[str, Any]:
    """How far points lie from the origin, against a unit normal of as many dimensions.

    The radius of a unit normal has the chi distribution (scipy.stats.chi). The histogram is that
    of article XIII: bins 0.5 wide from 0 to 35.

    Args:
        radii: float (n), finite, n at least 1.

    Returns:
        JSON values: rows; peak, the middle of the fullest bin (None if more radii lie beyond);
        mean; deviation; quantiles; shares with from < radius < to; histogram with bin_width,
        counts and beyond; chi with mean, quantiles (from 1 % to 99 %) and shares.

    Raises:
        InputError: there are too many bins, or an interval is none.
    """
    from scipy.stats import chi

    check_intervals(intervals)
    normal = chi(latent_dim)
    edges = np.arange(1 + histogram_bins(bin_width, max_radius)) * bin_width
    counts = np.histogram(radii, edges)[0]
    beyond = int(len(radii) - counts.sum())
    return {
        "rows": len(radii),
        "peak": float(edges[counts.argmax()] + bin_width / 2) if counts.max() >= beyond else None,
        "mean": float(radii.mean(dtype=np.float64)),
        "deviation": float(radii.std(dtype=np.float64)),
        "quantiles": quantiles(radii),
        "shares": [
            {"from": low, "to": high, "share": float(((radii > low) & (radii < high)).mean())}
            for low, high in intervals
        ],
        "histogram": {
            "bin_width": bin_width,
            "counts": counts.tolist(),
            "beyond": beyond,
        },
        "chi": {
            "mean": float(normal.mean()),
            "quantiles": {f"{q:g}": float(normal.ppf(q)) for q in QUANTILES[1:-1]},
            "shares": [
                {"from": low, "to": high, "share": float(normal.cdf(high) - normal.cdf(low))}
                for low, high in intervals
            ],
        },
    }


def coordinate_numbers(found: Coordinates, *, active_kl: float = ACTIVE_KL) -> dict[str, Any]:
    """What each coordinate says of a face.

    Active units: Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders",
    section 5.2, count the coordinates where mu has a variance above 0.01.

    Returns:
        JSON values: rows; active, coordinates with a KL divergence above `active_kl` nats (None
        for an AE); active_units; kl, the sum over the coordinates in nats a face (None for an
        AE); coordinates, lists of latent_dim numbers: mu_mean, mu_deviation, z_mean, z_deviation
        and kl (none for an AE); and histograms along the axes.
    """
    coordinates = {
        "mu_mean": found.mu.mean,
        "mu_deviation": np.sqrt(found.mu.variance),
        "z_mean": found.z.mean,
        "z_deviation": np.sqrt(found.z.variance),
    }
    kl = found.kl
    if kl is not None:
        coordinates["kl"] = kl
    return {
        "rows": found.rows,
        "latent_dim": found.latent_dim,
        "active": None if kl is None else int((kl > active_kl).sum()),
        "active_kl": active_kl,
        "active_units": int((found.mu.variance > ACTIVE_VARIANCE).sum()),
        "kl": None if kl is None else float(kl.sum()),
        "axes": [
            {"axis": int(axis), "from": -AXIS_LIMIT, "bin_width": AXIS_BIN, "counts": list(counts)}
            for axis, counts in zip(found.axes, found.axis_counts.tolist(), strict=True)
        ],
        "coordinates": {name: values.tolist() for name, values in coordinates.items()},
    }


def logvar_numbers(found: Noise) -> dict[str, Any]:
    """How much noise a VAE adds, as article XIII measures it.

    Returns:
        JSON values: rows; logvar with min, max, mean and outside (how many components lie not
        within -3 and 5); noise with the largest |z - mu|, limit,
        above (how many components) and components; radius with the means of |z| and |mu|, and of
        their difference the largest and the mean, absolute and relative to |mu|.

    Raises:
        InputError: the points are an AE's, which has no logvar.
    """
    if found.autoencoder:
        raise InputError("the points are an AE's: it has no logvar (-inf) and adds no noise")
    radii_z, radii_mu = (found.radii(points).astype(np.float64) for points in ("z", "mu"))
    difference = np.abs(radii_z - radii_mu)
    away = radii_mu > 0
    relative = difference[away] / radii_mu[away]
    components = found.rows * found.latent_dim
    return {
        "rows": found.rows,
        "logvar": {
            "min": found.logvar_range[0],
            "max": found.logvar_range[1],
            "mean": float(found.logvar_sum.sum() / components),
            "outside": found.outside,
        },
        "noise": {
            "largest": found.largest,
            "limit": found.limit,
            "above": found.above,
            "components": components,
        },
        "radius": {
            "mean_z": float(radii_z.mean()),
            "mean_mu": float(radii_mu.mean()),
            "largest_difference": float(difference.max()),
            "mean_difference": float(difference.mean()),
            "largest_relative": float(relative.max()) if len(relative) else None,
            "mean_relative": float(relative.mean()) if len(relative) else None,
        },
    }


def broken_rules(
    *,
    non_finite_rows: int,
    coordinates: dict[str, Any],
    radius: dict[str, Any] | None,
    radius_factor: float = RADIUS_FACTOR,
) -> list[str]:
    """The health rules that a store breaks, each as a sentence; none is good.

    Every row is finite. At least one coordinate is active (by its KL divergence; for an AE by the
    variance of mu). The median radius of z lies within `radius_factor` of a unit normal's, up or
    down.

    Args:
        coordinates, radius: from `coordinate_numbers` and `radius_numbers`. No radius: the points
            have no prior, as those of an AE.
    """
    broken = []
    if non_finite_rows:
        broken.append(f"{non_finite_rows} rows have numbers that are not finite")
    if not (coordinates["active_units"] if coordinates["kl"] is None else coordinates["active"]):
        broken.append("no coordinate is active: the points say nothing about the faces")
    if radius is not None:
        median, normal = radius["quantiles"]["0.5"], radius["chi"]["quantiles"]["0.5"]
        if not normal / radius_factor <= median <= normal * radius_factor:
            broken.append(
                f"the median radius is {median:.2f}, that of a unit normal {normal:.2f}: "
                f"more than {radius_factor:g} times apart"
            )
    return broken
