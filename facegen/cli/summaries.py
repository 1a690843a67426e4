"""Results of `facegen analyze` as lines of text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def radius_text(result: dict[str, Any], names: Sequence[str]) -> list[str]:
    lines = []
    for name, file in zip(names, result["files"], strict=True):
        stamp, found, chi = file["stamp"], file["quantiles"], file["chi"]["quantiles"]
        peak = "beyond --max-radius" if file["peak"] is None else file["peak"]
        lines += [
            f"{name}: {file['rows']:,} rows of {stamp['options']['points']}, "
            f"{stamp['latent_dim']} coordinates",
            f"  peak {peak}, mean {file['mean']:.4f}, deviation {file['deviation']:.4f}",
            "  quantiles     " + "  ".join(f"{q}: {value:.3f}" for q, value in found.items()),
            "  unit normal   " + "  ".join(f"{q}: {value:.3f}" for q, value in chi.items()),
        ]
        for share, normal in zip(file["shares"], file["chi"]["shares"], strict=True):
            between = f"{share['from']:g} < radius < {share['to']:g}"
            lines.append(f"  {between}: {share['share']:.4f} (unit normal {normal['share']:.4f})")
    return lines


def coordinates_text(result: dict[str, Any]) -> list[str]:
    lines = [f"{result['stamp']['latents']}: {result['rows']:,} rows"]
    if result["kl"] is not None:
        lines += [
            f"  KL divergence {result['kl']:.3f} nats a face",
            f"  {result['active']} of {result['latent_dim']} coordinates have more than "
            f"{result['active_kl']:g} nats",
        ]
    lines.append(f"  in {result['active_units']} the variance of mu is above 0.01")
    coordinates = result["coordinates"]
    for name in ("mu_deviation", "z_deviation", "mu_mean", "z_mean"):
        low, high = min(coordinates[name]), max(coordinates[name])
        lines.append(f"  {name.replace('_', ' ')} from {low:.4f} to {high:.4f}")
    return lines


def logvar_text(result: dict[str, Any]) -> list[str]:
    logvar, noise, radius = result["logvar"], result["noise"], result["radius"]
    relative = [radius[f"{name}_relative"] or 0.0 for name in ("largest", "mean")]
    return [
        f"{result['stamp']['latents']}: {result['rows']:,} rows",
        f"  logvar from {logvar['min']:.4f} to {logvar['max']:.4f}, mean {logvar['mean']:.4f}; "
        f"{logvar['outside']:,} not within -3 and 5",
        f"  |z - mu| at most {noise['largest']:.4f}; {noise['above']:,} of "
        f"{noise['components']:,} components above {noise['limit']:g}",
        f"  mean radius {radius['mean_z']:.6f} from z, {radius['mean_mu']:.6f} from mu",
        f"  difference at most {radius['largest_difference']:.4g}, mean "
        f"{radius['mean_difference']:.4g}; relative {relative[0]:.2g}, mean {relative[1]:.2g}",
    ]


def clusters_text(result: dict[str, Any]) -> list[str]:
    lines = [f"{result['stamp']['latents']}: {result['rows']:,} rows; clusters, inertia, share"]
    columns = zip(result["clusters"], result["inertia"], result["share"], strict=True)
    return lines + [f"  {count:3}  {inertia:.6g}  {share:.4f}" for count, inertia, share in columns]


def tsne_text(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{result['stamp']['latents']}: {result['rows']:,} points by {result['engine']} "
        f"in {result['seconds']:g} s, KL divergence left {result['kl_divergence']:.3f}"
    ]
    if "colour" in result:
        counts = result["colour"]
        lines.append(
            f"  {counts['name']}: {counts['yes']} yes, {counts['no']} no, "
            f"{counts['unknown']} unknown"
        )
    return lines


def pca_text(result: dict[str, Any]) -> list[str]:
    directions, coordinates = result["directions"], result["coordinates"]
    counts = "  ".join(f"{float(s):.0%}: {n}" for s, n in directions["holding"].items())
    lines = [
        f"{result['stamp']['latents']}: {result['rows']:,} rows of training faces, variance "
        f"{result['variance']:.3f} in {result['latent_dim']} coordinates",
        f"  directions that hold a share of it   {counts}",
        f"  coordinates that hold 90 %: {coordinates['holding']['0.9']}",
        "  share of the first   "
        + "  ".join(f"{n}: {share:.1%}" for n, share in directions["first"].items()),
        f"  as many as {result['effective_directions']:.1f} directions of even variance",
    ]
    if (found := result["correlation"]) is not None:
        lines.append(
            f"  correlations of coordinates at most {found['largest']:.3f}, mean size "
            f"{found['mean']:.4f}; of directions 0"
        )
    held_out = result["held_out_correlation"]
    if held_out is not None and held_out["before"] and held_out["after"]:
        lines.append(
            f"  of {result['held_out_rows']:,} held-out rows {held_out['before']['mean']:.4f} "
            f"before and {held_out['after']['mean']:.4f} after, by chance {held_out['chance']:.4f}"
        )
    for name, found in (("coordinates", coordinates), ("directions", directions)):
        skewness, kurtosis = (max(map(abs, found[key])) for key in ("skewness", "excess_kurtosis"))
        lines.append(f"  {name}: skewness at most {skewness:.2f}, excess kurtosis {kurtosis:.2f}")
    return lines


def neighbours_text(result: dict[str, Any], names: Sequence[str]) -> list[str]:
    lines = []
    for name, file in zip(names, result["files"], strict=True):
        two, noise, between = file["two_faces"], file["noise"], file["between"]
        lines += [
            f"{name}: {file['faces']} faces; two are {two['distance']:.3f} apart, their pictures "
            f"{two['change']:.4f}",
            f"  the nearest training face is {file['neighbour_distance']:.3f} away; z is "
            f"{noise['distance']:.3f} away, where the change is {noise['change']:.3f}",
            "  change at distance   "
            + "  ".join(f"{distance:g}" for distance in file["distances"]),
        ]
        for kind, own in file["around"].items():
            lines.append(f"    {kind:10} " + "  ".join(f"{value:.3f}" for value in own["change"]))
            if own["found"] is not None:
                shares = "  ".join(f"{value:.0%}" for value in own["found"])
                lines.append(f"    {'':10} with a face {shares}")
        if between["share"] is not None:
            lines.append(f"  {between['share']:.1%} of the points between two faces are faces")
        lines.append(f"  evenness of the way between them {between['evenness']:.3f}")
    return lines
