"""Data sets as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from app.schemas.common import Text

DatasetId = Annotated[
    Text, Path(max_length=64, description="Id of a data set.", examples=["ds_019ac1f0d3b27fa1b2c3d4e5f6"])
]

_ITEM: dict[str, Any] = {
    "id": "ds_019ac1f0d3b27fa1b2c3d4e5f6",
    "name": "tic_tac_toe",
    "domain": "image2d",
    "task": "classification",
    "n": 958,
    "x_shape": [1, 3, 3],
    "classes": ["negative", "positive"],
    "target_dim": None,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "bytes": 9210,
    "created_at": "2026-01-31T12:00:00Z",
    "warnings": [],
}


class DatasetItem(BaseModel):
    """An accepted data set."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ITEM]})

    id: str
    name: str
    domain: str = Field(description="`image2d` or `vector`.")
    task: str = Field(description="`classification` or `regression`.")
    n: int = Field(description="Samples.")
    x_shape: list[int] = Field(description="Shape of one sample: [channels, h, w] or [d].")
    classes: list[str] | None = Field(description="Names of the classes, in the order of their indices.")
    target_dim: int | None = Field(description="Numbers to predict a sample, for regression.")
    sha256: str = Field(description="Of the file that was sent.")
    bytes: int = Field(description="Size of the file that was sent.")
    created_at: datetime
    warnings: list[str] = Field(description="What was assumed or changed in reading the file.")


class DatasetList(BaseModel):
    """One page of data sets, newest first."""

    items: list[DatasetItem]
    next_cursor: str | None = None


class ClassCount(BaseModel):
    name: str
    count: int


class TargetHistogram(BaseModel):
    """Values of one target in equal bins: `counts[i]` lie between `edges[i]` and `edges[i + 1]`."""

    name: str
    mean: float
    std: float
    edges: list[float]
    counts: list[int]


class PreviewSample(BaseModel):
    """One sample: an image as a PNG data URL, or the first values of a vector."""

    row: int = Field(description="Row in the data set, counting from 0.")
    label: str | None
    target: list[float] | None
    image: str | None
    values: list[float] | None


class DatasetPreview(BaseModel):
    """What a person looks at before starting a search."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "n": 958,
                    "x_shape": [9],
                    "dtype": "float32",
                    "domain": "vector",
                    "task": "classification",
                    "source": "csv",
                    "features": ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"],
                    "classes": [{"name": "negative", "count": 332}, {"name": "positive", "count": 626}],
                    "targets": None,
                    "samples": [
                        {
                            "row": 0,
                            "label": "positive",
                            "target": None,
                            "image": None,
                            "values": [1, 1, 1, 1, -1, -1, 1, -1, -1],
                        }
                    ],
                }
            ]
        }
    )

    n: int
    x_shape: list[int]
    dtype: str
    domain: str
    task: str
    source: str = Field(description="Format of the file: npz, csv, parquet or images.")
    features: list[str] | None = Field(description="Names of the first columns of x.")
    classes: list[ClassCount] | None
    targets: list[TargetHistogram] | None
    samples: list[PreviewSample] = Field(description="At most 12, spread over the classes.")


def _text(description: str, *examples: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, "examples": list(examples), **more}


# The body is streamed past the framework, so its description is written out here.
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "`.npz` with the arrays x and y and optional groups and split; `.csv` or "
                            "`.parquet`, see `target`; or a `.zip` of PNG, JPEG, WebP or TIFF images in one folder "
                            "per class.",
                        },
                        "name": _text("A name for people; the file's name if not given.", "digits", maxLength=200),
                        "domain": _text(
                            "What one sample is; `auto` goes by the shape of x.",
                            "auto",
                            "image2d",
                            default="auto",
                            enum=["auto", "image2d", "vector"],
                        ),
                        "task": _text(
                            "What y is; `auto` takes text, bools and few different integers as classes.",
                            "auto",
                            default="auto",
                            enum=["auto", "classification", "regression"],
                        ),
                        "target": _text(
                            "The y column of a table, or several with commas between them (npz: the y array).",
                            "label",
                            maxLength=4096,
                        ),
                        "groups": _text(
                            "The column (npz: array) that says which samples must stay together.",
                            "patient",
                            maxLength=4096,
                        ),
                        "split": _text("The column (npz: array) of train and test marks.", "split", maxLength=4096),
                    },
                },
                "encoding": {"file": {"contentType": "application/octet-stream"}},
            }
        },
    }
}
