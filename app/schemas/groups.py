"""The catalogue of groups."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Group(BaseModel):
    """A group that can be named in a search."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "name": "C2",
                    "title": "half turns",
                    "order": 2,
                    "continuous": False,
                    "generators": [[[-1.0, 0.0], [0.0, -1.0]]],
                    "elements": ["e", "r180"],
                    "subgroups": ["E", "C2"],
                    "supported": {"image2d": "exact", "vector": "exact"},
                    "label_actions": ["trivial", "sign", "swap", "permutation", "vector"],
                    "architectures": {"image2d": ["separable", "deformable", "constrained"], "vector": ["emlp"]},
                    "point_group": None,
                    "kernel_parameters": None,
                }
            ]
        },
    )

    name: str
    title: str
    order: int | None = Field(description="Number of elements; null for a continuous group.")
    continuous: bool
    generators: list[Any] = Field(description="Permutations or matrices; a basis of the Lie algebra if continuous.")
    elements: list[str] = Field(description="Names of up to 64 elements; of a family those that are tested.")
    subgroups: list[str] | None
    supported: dict[str, str] = Field(description="Domains, and whether the group acts exactly or by interpolation.")
    label_actions: list[str]
    architectures: dict[str, list[str]] = Field(
        description="Domains, and the architectures offered beside the default."
    )
    point_group: str | None = Field(description="Of a wallpaper group: the group it is searched for as.")
    kernel_parameters: int | None = Field(description="Of a wallpaper group: free parameters of its 3 x 3 kernels.")


class GroupList(BaseModel):
    items: list[Group]
    next_cursor: str | None = Field(None, description="Always null: the catalogue is one page.")


class OfferedGroup(BaseModel):
    """A group that can be named, as it stands, for one data set."""

    name: str = Field(examples=["D4"])
    title: str = Field(examples=["rotations by 360°/4 and 4 mirrors"])
    order: int | None = Field(description="Number of elements; null for a continuous group.", examples=[8])
    labels: list[str] = Field(
        description="Label actions that suit the group and this data.", examples=[["trivial", "swap", "auto"]]
    )
    centred: bool = Field(description="Images: whether it is offered about the centre alone, without translations.")
    interpolated: bool = Field(description="Whether some of its elements move samples by interpolation.")
    usual: bool = Field(description="Whether it is among the groups to show first.")
    contains: list[str] = Field(description="The other groups that lie in it.", examples=[["T", "C2"]])
    place: float = Field(description="Where it stands in its row of a diagram, 0 in the middle.", examples=[-0.5])
    row: int = Field(description="Its row in a diagram, from 0: smaller groups stand below larger ones.", examples=[2])


class OfferedGroups(BaseModel):
    items: list[OfferedGroup] = Field(description="Smallest groups first, each group once.")
    covers: list[tuple[int, int]] = Field(description="Pairs [lower, upper] of items with none between them.")
    auto: list[str] = Field(description='What `"candidates": "auto"` stands for; empty where nothing is usual.')
