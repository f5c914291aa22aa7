"""How many filters a window holds: what a network costs, known without building any (and without scipy)."""

from __future__ import annotations

GROUPS = ("SO(2)", "O(2)")

_PROFILES = {  # by window and harmonic, those of least error: in all about the process' degrees of freedom there
    3: (2, 1, 1),
    5: (2, 1, 1, 1, 1),
    7: (3, 2, 2, 1, 1, 1, 1),
    9: (4, 3, 3, 2, 2, 2, 1, 1, 1),
}
_SHELLS = {5: (2, 1, 1), 7: (2, 1, 1, 1)}  # radial filters of each angular harmonic of scale convolutions, by window
_WIDE = (2, 2, 1, 1)


def coefficient_count(group: str, frequency: int) -> int:
    """Coefficients of a function on the group up to a frequency; ValueError for other groups than SO(2) and O(2)."""
    if group not in GROUPS:
        raise ValueError(f"steerable layers know {' and '.join(GROUPS)}, not {group}")
    return (1 + 2 * frequency) * (2 if group == "O(2)" else 1)


def profile_counts(size: int, frequency: int) -> list[int]:
    """Radial profiles of each harmonic 0 ... frequency that a size x size window holds: none where it would alias.

    Raises ValueError for windows other than 3, 5, 7 and 9 pixels wide.
    """
    if size not in _PROFILES:
        raise ValueError(f"steerable windows are {', '.join(map(str, _PROFILES))} pixels wide, not {size}")
    held = _PROFILES[size][: frequency + 1]
    return [*held, *[0] * (frequency + 1 - len(held))]


def harmonic_count(size: int, frequency: int) -> int:
    """Filters of a size x size window up to an angular frequency, a cosine and a sine counted as two."""
    return sum(count * (1 if m == 0 else 2) for m, count in enumerate(profile_counts(size, frequency)))


def lifting_count(group: str, frequency: int, size: int) -> int:
    """Parameters of a lifting convolution for each pair of an input channel and an output field."""
    coefficient_count(group, frequency)
    return harmonic_count(size, frequency)


def convolution_count(group: str, frequency: int, size: int) -> int:
    """Parameters of a steerable convolution for each pair of an input and an output field."""
    copies = coefficient_count(group, frequency) // (1 + 2 * frequency)
    rings = profile_counts(size, 2 * frequency)
    total = 0
    for k in range(frequency + 1):
        for n in range(frequency + 1):
            total += rings[0] if k == n == 0 else 2 * rings[abs(n - k)] + (2 * rings[n + k] if k and n else 0)
    return copies * total


def scale_grid(count: int = 4, step: float = 2.0 ** (1.0 / 3.0)) -> tuple[float, ...]:
    """`count` scales 1, step, step^2, ...; raises ValueError unless count >= 1 and step > 1."""
    if count < 1 or step <= 1.0:
        raise ValueError(f"a scale grid needs at least one scale and a step above 1, not {count} and {step:g}")
    return tuple(step**i for i in range(count))


def scale_shells(size: int) -> tuple[int, ...]:
    """Radial filters of each angular harmonic of a scale convolution, by the width of its window.

    Raises ValueError for even sizes and for sizes below 5, which hold no filter at several scales.
    """
    if size < 5 or size % 2 == 0:
        raise ValueError(f"a scale convolution needs an odd window of at least 5 pixels, not {size}")
    return _SHELLS.get(size, _WIDE)


def scale_basis_count(size: int) -> int:
    """Filters of the basis on a size x size window: 6 on 5 x 5, 8 on 7 x 7, 10 on larger ones; see `scale_shells`."""
    return sum(count * (1 if m == 0 else 2) for m, count in enumerate(scale_shells(size)))
