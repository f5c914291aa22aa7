"""What the parent asks the child, and how the child refuses: shared by both sides, standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DOMAINS = ("image2d", "vector")
KNOWN_DOMAINS = ("image2d", "vector", "sensors", "series1d", "points3d", "volume3d")
TASKS = ("classification", "regression")
FORMATS = "npz, csv, parquet, or a zip of images in one folder per class"
MIN_SAMPLES = 8


class Refusal(Exception):
    """A file or an option that cannot be accepted.

    detail: what is wrong, where (first bad row) and the remedy; pointer: JSON pointer of the form field;
    status: 422 for content, 413 for limits, 415 for unknown formats.
    """

    def __init__(self, detail: str, pointer: str = "/file", status: int = 422) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.status = status


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read the file: the form fields of the upload, None where not given."""

    domain: str | None = None
    task: str | None = None
    target: str | None = None
    groups: str | None = None
    split: str | None = None

    def normalised(self) -> ReadOptions:
        """The same options with `auto` read as not given. Raises Refusal for a domain or task that is unknown."""
        domain = None if self.domain == "auto" else self.domain
        task = None if self.task == "auto" else self.task
        if domain is not None and domain not in KNOWN_DOMAINS:
            raise Refusal(f"Unknown domain {domain!r}. Use one of auto, {', '.join(DOMAINS)}.", "/domain")
        if domain is not None and domain not in DOMAINS:
            raise Refusal(
                f"The domain {domain!r} is not supported yet. Use one of auto, {', '.join(DOMAINS)}.", "/domain"
            )
        if task is not None and task not in TASKS:
            raise Refusal(f"Unknown task {task!r}. Use one of auto, {', '.join(TASKS)}.", "/task")
        return ReadOptions(domain, task, self.target, self.groups, self.split)


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    unpacked_bytes: int
    archive_ratio: float
    archive_members: int
    image_pixels: int
    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float

    @property
    def table_bytes(self) -> int:
        """The most that y, groups or split may take, because they are held in memory as a whole."""
        return self.memory_bytes // 16


@dataclass(frozen=True, slots=True)
class IngestJob:
    """One file to read: `path` holds the user's bytes, `out_dir` is where the canonical arrays go."""

    path: Path
    filename: str
    options: ReadOptions
    limits: Limits
    out_dir: Path

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "filename": self.filename,
            "options": asdict(self.options),
            "limits": asdict(self.limits),
            "out_dir": str(self.out_dir),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> IngestJob:
        return cls(
            Path(data["path"]),
            data["filename"],
            ReadOptions(**data["options"]),
            Limits(**data["limits"]),
            Path(data["out_dir"]),
        )
