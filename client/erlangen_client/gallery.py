"""Samples of a search with the tested elements applied to them."""

from __future__ import annotations

from dataclasses import dataclass

from erlangen_client.records import Record, Rows

Label = str | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Guess(Record):
    """A class that the witness gives, and how sure it is."""

    label: str
    probability: float


Said = tuple[Guess | float, ...]


@dataclass(frozen=True, kw_only=True)
class GallerySample(Record):
    """A held-out sample beside itself moved by an element; `original` and `moved` are indices of pictures.

    `chosen`: worst or ordinary. `said`: the two likeliest classes, or targets. `excess`: what the move costs.
    """

    chosen: str
    row: int
    label: Label
    moved_label: Label
    original: int
    moved: int
    said: Said
    moved_said: Said
    excess: float


@dataclass(frozen=True, kw_only=True)
class GalleryElement(Record):
    """One tested element. `hurt`: the share of the held-out samples that it costs much."""

    element: str
    title: str
    interpolated: bool = False
    hurt: float | None = None
    samples: tuple[GallerySample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OrbitPicture(Record):
    """A sample under one element, and the nodes of the lattice that hold it."""

    element: str
    title: str
    groups: tuple[str, ...]
    label: Label
    picture: int
    said: Said


@dataclass(frozen=True, kw_only=True)
class Orbit(Record):
    """One sample under all elements of the listed groups."""

    row: int
    label: Label
    original: int
    said: Said
    elements: tuple[OrbitPicture, ...]


@dataclass(frozen=True, kw_only=True)
class Gallery(Rows[GalleryElement]):
    """Samples of a search, moved, those first that the moves cost most; empty with a `reason` where none were kept.

    `pictures`: images as `data:` addresses, or the coordinates of vectors.
    """

    items: tuple[GalleryElement, ...] = ()
    kind: str | None = None
    witness: str | None = None
    pictures: tuple[str | tuple[float, ...], ...] = ()
    orbit: Orbit | None = None
    left_out: int = 0
    reason: str | None = None
