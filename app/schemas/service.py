"""Health of the service."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Live(BaseModel):
    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])


class Ready(BaseModel):
    status: str = Field(examples=["ok"])
    checks: dict[str, str] = Field(
        description="What was checked, and `ok` or what is wrong with it.",
        examples=[{"database": "ok", "broker": "ok", "worker": "ok"}],
    )
