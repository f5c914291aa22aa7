"""Settings of the service, read from `ERLANGEN_*` environment variables."""

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class Settings(BaseSettings):
    """One immutable object; every default works on a laptop without any server."""

    model_config = SettingsConfigDict(env_prefix="ERLANGEN_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    data_dir: Path = Path("var")
    database_url: str = ""
    broker_url: str = ""
    storage_url: str = ""
    device: str = "auto"
    api_keys: str = Field("", description="comma-separated keys: see app/auth.py")
    allowed_hosts: str = Field("", description="comma-separated Host names answered without keys, beside local ones")
    embedded_worker: bool = Field(True, description="`erlangen serve` supervises local workers")
    embedded_workers: int = Field(0, ge=0, le=64, description="how many of them, 0 = one a core and at most four")
    log_level: str = "INFO"

    lease_seconds: float = Field(15.0, gt=0)
    max_attempts: int = Field(10, ge=1, description="attempts of one candidate before it counts as crashed")
    ring_again_seconds: float = Field(3.0, gt=0, description="a row queued longer than this is rung for again")
    cancel_grace_seconds: float = Field(5.0, gt=0)
    worker_threads: int = Field(1, ge=0, description="torch threads of a trainer child, 0 = all cores")

    max_upload_bytes: int = Field(2048 * MIB, gt=0)
    max_unpacked_bytes: int = Field(4096 * MIB, gt=0)
    max_archive_ratio: float = Field(200.0, gt=1)
    max_archive_members: int = Field(200_000, gt=0)
    max_image_pixels: int = Field(4096 * 4096, gt=0)
    ingest_memory_bytes: int = Field(4096 * MIB, gt=0)
    ingest_cpu_seconds: int = Field(300, gt=0)
    ingest_wall_seconds: int = Field(600, gt=0)
    max_concurrent_ingests: int = Field(2, ge=1)
    max_candidates: int = Field(64, ge=1)
    max_active_searches: int = Field(1000, ge=1, description="searches of one owner that are not finished yet")

    @property
    def local_workers(self) -> int:
        """Worker processes beside the web process."""
        if not self.embedded_worker:
            return 0
        return self.embedded_workers or min(4, os.cpu_count() or 1)

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: dict[str, object]) -> dict[str, object]:
        data_dir = Path(str(values.get("data_dir") or "var")).resolve()
        values["data_dir"] = data_dir
        for name, default in (
            ("database_url", f"sqlite:///{data_dir}/erlangen.db"),
            ("broker_url", f"filesystem://{data_dir}/broker"),
            ("storage_url", f"file://{data_dir}/storage"),
        ):
            values[name] = values.get(name) or default
        return values


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Settings of this process, read once."""
    return Settings()
