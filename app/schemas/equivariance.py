"""The equivariance report of a trained network."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EquivarianceRow(BaseModel):
    """One measurement: how far f(g x) is from g f(x), relative to f(x)."""

    model_config = ConfigDict(extra="allow")

    element: str = Field(description="The element, as in the search's elements.", examples=["r90"])
    angle_degrees: float | None = Field(None, description="Its angle of rotation; null for others.", examples=[90.0])
    where: str = Field(
        description="What the test images show: `centre`, an object in the middle; `boundary`, one that reaches the "
        "boundary; `clutter`, others around it; `vector`, samples that are no images.",
        examples=["centre"],
    )
    band: str | None = Field(
        None, description="Highest spatial frequency of the test images, radians per pixel.", examples=["pi/4"]
    )
    antialiased: bool | None = Field(None, description="Whether the network is measured with its anti-aliasing.")
    error: float | None = Field(description="0 is exact, 1 as large as the output itself.", examples=[2.1e-7])


class EquivarianceReport(BaseModel):
    """How equivariant a trained network is, element by element."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"element": "r90", "angle_degrees": 90.0, "where": "centre", "band": "pi/4", "error": 2.1e-07},
                        {"element": "r45", "angle_degrees": 45.0, "where": "centre", "band": "pi/4", "error": 0.0182},
                        {"element": "r45", "angle_degrees": 45.0, "where": "clutter", "band": "pi/4", "error": 0.0561},
                    ],
                    "seconds": 0.8,
                }
            ]
        },
    )

    items: list[EquivarianceRow]
    seconds: float | None = Field(None, description="Seconds that the measurement took.")
