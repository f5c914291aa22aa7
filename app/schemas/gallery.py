"""Real samples with the tested elements applied to them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Label = str | list[float]


class Guess(BaseModel):
    """A class that the witness gives, and how sure it is."""

    label: str = Field(examples=["six"])
    probability: float = Field(examples=[0.97])


Said = list[Guess] | list[float]


class GallerySample(BaseModel):
    """A held-out sample beside itself moved by an element; `original` has the blur of the move where pixels are
    interpolated."""

    chosen: Literal["worst", "ordinary"] = Field(
        description="worst: the element costs the witness most on it, among the eight that it and its inverse cost "
        "most; ordinary: its loss is the median."
    )
    row: int = Field(description="Which sample of the data set, from 0.", examples=[17])
    label: Label = Field(description="Name of its class, or its targets.", examples=["six"])
    moved_label: Label = Field(description="Its label as the element moves it.", examples=["six"])
    original: int = Field(description="Index of its picture.")
    moved: int
    said: Said = Field(description="What the witness says of it: the two likeliest classes, or targets.")
    moved_said: Said
    excess: float = Field(
        description="How much more the witness loses on the moved sample: bits, or units of the target's variance.",
        examples=[4.1],
    )


class GalleryElement(BaseModel):
    """One tested element."""

    element: str = Field(examples=["r180"])
    title: str = Field(examples=["rotation by 180°"])
    interpolated: bool = Field(description="It moves pixels off the grid.")
    hurt: float | None = Field(
        description="Share of the held-out samples on which it costs more than was learned of an average one; null "
        "where nothing was learned.",
        examples=[0.31],
    )
    samples: list[GallerySample]


class OrbitPicture(BaseModel):
    """The sample under one element of a listed group."""

    element: str = Field(examples=["r90"])
    title: str = Field(examples=["rotation by 90°"])
    groups: list[str] = Field(description="Names of the nodes of the lattice that hold it.", examples=[["C4", "D4"]])
    label: Label
    picture: int
    said: Said


class Orbit(BaseModel):
    """One sample under all elements of the listed groups, as far as they are shown."""

    row: int
    label: Label
    original: int
    said: Said
    elements: list[OrbitPicture]


class Gallery(BaseModel):
    """Samples of a search, moved; empty with a reason where none were kept."""

    kind: Literal["image", "vector"] | None = None
    witness: str | None = Field(None, description="Whose network judges them.", examples=["T"])
    pictures: list[str] | list[list[float]] = Field(
        default_factory=list, description="Images as `data:` addresses, or the coordinates of vectors."
    )
    items: list[GalleryElement] = Field(default_factory=list, description="Elements that cost most first.")
    orbit: Orbit | None = None
    left_out: int = Field(0, description="Elements that cost least, left out to keep this small.")
    reason: str | None = Field(None, description="Why it is empty.")
