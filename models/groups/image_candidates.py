"""Candidates on images: point groups of the plane, over translations or about the centre, and the continuous groups."""

from __future__ import annotations

from typing import Any

from models.groups.action import acting_group
from models.groups.entries import IMAGE_ARCHITECTURES, Candidate, Samples, chosen_architecture
from models.groups.errors import CandidateError
from models.groups.finite import FloatArray
from models.groups.labels import acting_on_labels, label_field, label_maps, label_name, mirror_labels
from models.groups.planar import MIRROR_Y, planar_generators, planar_title, rotation
from models.groups.probed import PLANE_FAMILIES, PLANE_TITLES, Family
from models.groups.wallpaper import wallpaper_group

MAX_N = 16  # of C_n and D_n on images
SMALLEST_SIDE = 8  # pixels; below, interpolation and the fading rim leave nothing to see
POINT_GROUPS = (
    *("C2", "C3", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D3", "D4"),
    *(f"{family}{n}" for n in range(5, MAX_N + 1) for family in "CD"),
)
WALLPAPER = {
    "p1": "C1", "p2": "C2", "pm": "D1", "pg": "D1", "cm": "D1", "pmm": "D2", "pmg": "D2", "pgg": "D2", "cmm": "D2",
    "p4": "C4", "p4m": "D4", "p4g": "D4", "p3": "C3", "p3m1": "D3", "p31m": "D3@0", "p6": "C6", "p6m": "D6",
}  # fmt: skip
PLANE_LABELS = {
    "SO(2)": ("trivial", "vector"),
    "O(2)": ("trivial", "sign", "swap", "vector"),
    "Scale": ("trivial",),
    "SIM(2)": ("trivial",),
}
HIERARCHICAL = ("C2", "C4", "C8", "D2", "D4")  # with a group of twice as many turns in the deeper layers
GRID_GROUPS = ("C1", "C2", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D4")
_NEEDS_SQUARE = ("C4", "D4", "D1d", "D1a", "D2d")


def image_generators(name: str) -> list[FloatArray]:
    """Generators of one of POINT_GROUPS, or of D3 with a mirror y -> -y (`D3@0`)."""
    return [rotation(120), MIRROR_Y] if name == "D3@0" else planar_generators(name) or []


def image_candidate(entry: dict[str, Any], index: int, samples: Samples) -> Candidate:
    """Read a candidate on images. Raises CandidateError naming the entry and the remedy."""
    posted = entry["group"].replace("_", "").strip()
    for field in ("generators", "on", "name"):
        if entry.get(field) is not None:
            raise CandidateError(index, f"{field!r} describes groups on vectors; image groups are named, e.g. D4")
    translations = entry.get("translations")
    if translations is not None and not isinstance(translations, bool):
        raise CandidateError(index, '"translations" is true or false')
    architecture = chosen_architecture(entry.get("architecture"), index, IMAGE_ARCHITECTURES, "images")
    name = WALLPAPER.get(posted, posted)
    if name in ("E", "T", "C1"):
        return _trivial(posted, name, index, translations, architecture)
    if translations is False and name not in GRID_GROUPS:
        raise CandidateError(
            index,
            f"{posted} about the centre alone is not offered: only the symmetries of the pixel grid are; "
            'leave "translations" out',
        )
    if posted in WALLPAPER and translations is False:
        raise CandidateError(index, f"{posted} is a group with translations; name its point group {name} instead")
    if name in PLANE_FAMILIES:
        return _continuous(name, entry, index, samples, architecture)
    if name not in POINT_GROUPS and name != "D3@0":
        raise CandidateError(
            index,
            f"{entry['group']} is not a group that is known for images; choose among E, T, C2 ... C{MAX_N}, "
            f"D1 ... D{MAX_N}, D1y, D1d, D1a, D2d, {', '.join(PLANE_FAMILIES)}, or a wallpaper group such as p4m",
        )
    _check_shape(name, index, samples)
    generators = image_generators(name)
    labels, y = label_maps(entry, index, samples, generators, generators)
    _check_architecture(architecture, name, labels, translations, index)
    acting = acting_on_labels(index, (0, 1), generators, y, label_field(entry))
    title = planar_title(name) + (", about the centre alone" if translations is False else "")
    if posted in WALLPAPER:
        title = f"{posted}: {title}, over all translations"
    warning = _wallpaper_warning(posted, name)
    return Candidate(
        name,
        title,
        labels,
        acting,
        translations is not False,
        architecture,
        warning,
        generators=tuple(generators),
        label_maps=tuple(y or ()),
    )


def _trivial(posted: str, name: str, index: int, translations: bool | None, architecture: str | None) -> Candidate:
    if architecture is not None:
        raise CandidateError(index, f'{posted} has no elements to share weights over; leave "architecture" out')
    nothing = acting_group((0, 1), [])
    if name == "E":
        if translations:
            raise CandidateError(index, "E has no symmetry at all; translations alone are called T")
        return Candidate("E", "no symmetry, not even translation", "trivial", nothing, False)
    if translations is False:
        raise CandidateError(index, f"{posted} without translations is called E")
    return Candidate("T", "translations only", "trivial", nothing, True)


def _continuous(name: str, entry: dict[str, Any], index: int, samples: Samples, architecture: str | None) -> Candidate:
    _check_shape(name, index, samples)
    if architecture is not None:
        raise CandidateError(index, f'{name} has one architecture only; leave "architecture" out')
    labels = label_name(entry, index)
    allowed = PLANE_LABELS[name]
    if labels not in allowed:
        raise CandidateError(index, f'{name} on images acts on labels as {" or ".join(allowed)}, not "{labels}"')
    if labels == "vector" and (samples.task != "regression" or samples.outputs != 2):
        raise CandidateError(index, '"labels": "vector" needs a target of 2 components that turns as x does')
    mirror = None
    if labels in ("sign", "swap"):
        mirror = tuple(map(tuple, mirror_labels(labels, index, samples).tolist()))
    family = Family("image2d", name, "sign" if mirror else labels, mirror_labels=mirror)
    return Candidate(name, PLANE_TITLES[name], labels, family, True)


def _check_shape(name: str, index: int, samples: Samples) -> None:
    h, w = samples.x_shape[-2:]
    if name in _NEEDS_SQUARE and h != w:
        raise CandidateError(
            index, f"{name} needs square images, these are {h} x {w}; crop them, or use C2, D1, D1y, D2"
        )
    if name not in GRID_GROUPS and min(h, w) < SMALLEST_SIDE:
        raise CandidateError(
            index,
            f"{name} moves pixels off the grid: that needs images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE}, "
            f"these are {h} x {w}",
        )


def _check_architecture(
    architecture: str | None, name: str, labels: str, translations: bool | None, index: int
) -> None:
    if architecture is None:
        return
    if translations is False:
        raise CandidateError(index, '"architecture" is for groups over translations, not about the centre alone')
    if architecture == "hierarchical" and name not in HIERARCHICAL:
        raise CandidateError(index, f'"hierarchical" is offered for {", ".join(HIERARCHICAL)}, not {name}')
    if architecture == "constrained" and name not in GRID_GROUPS:
        raise CandidateError(index, f'"constrained" kernels are symmetric on the pixel grid, which {name} does not fit')
    if architecture == "constrained" and labels != "trivial":
        raise CandidateError(index, '"constrained" networks are invariant: labels must be trivial')


def _wallpaper_warning(posted: str, name: str) -> str | None:
    if posted not in WALLPAPER:
        return None
    text = f"{posted} is searched for as {name} over all translations, not those of one lattice"
    return text + (": there a glide is a mirror followed by a shift" if wallpaper_group(posted).has_glides else "")
