"""The equivariance report of a trained network."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class EquivarianceRow(BaseModel):
    """One measurement: how far f(g x) is from g f(x), relative to what the sample adds to the answer to a blank one."""

    model_config = ConfigDict(extra="allow")

    element: str = Field(description="The element, as in the search's elements.", examples=["r90"])
    angle_degrees: float | None = Field(None, description="Its angle of rotation; null for others.", examples=[90.0])
    member: bool | None = Field(None, description="Whether the group holds it, or it is an angle in between.")
    where: str = Field(
        description="`centre`: an object in the middle of the image; `boundary`: content up to the edge and beyond; "
        "`clutter`: an object that turns over a background that does not; `vector`: samples that are no images.",
        examples=["centre"],
    )
    band: str | None = Field(
        None, description="Highest spatial frequency of the test images, radians per pixel.", examples=["pi/4"]
    )
    antialiased: bool | None = Field(
        None, description="Measured as it is (true) or with its anti-aliasing taken out (false); null if it has none."
    )
    error: float | None = Field(
        description="0 is exact, 1 as large as the differences between samples; null where outputs do not differ.",
        examples=[2.1e-7],
    )


_EXAMPLES: list[Any] = [
    {"element": name, "angle_degrees": angle, "member": member, "where": where, "band": "pi/4", "error": error}
    for name, angle, member, where, error in (
        ("r90", 90.0, True, "centre", 2.1e-07),
        ("r45", 45.0, False, "centre", 0.0182),
        ("r45", 45.0, False, "clutter", 0.0561),
    )
]


class EquivarianceReport(BaseModel):
    """How equivariant a trained network is, element by element."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"items": _EXAMPLES, "samples": 6, "seconds": 0.8}]},
    )

    items: list[EquivarianceRow]
    samples: int | None = Field(None, description="Test samples of each row.")
    seconds: float | None = Field(None, description="Seconds that the measurement took.")
