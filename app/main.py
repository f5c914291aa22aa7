"""The web application: what it holds, and what it mounts."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fastapi import FastAPI

from app import errors
from app.auth import KeyRing
from app.db.session import make_engine, reader_factory, session_factory
from app.settings import Settings, get_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application for `settings` (by default those of the environment)."""
    settings = settings or get_settings()
    app = FastAPI(title="Erlangen", version="0.1.0")
    app.state.settings = settings
    app.state.keys = KeyRing(settings.api_keys)
    app.state.engine = make_engine(settings.database_url)
    app.state.writer = session_factory(app.state.engine)
    app.state.reader = reader_factory(app.state.engine)
    errors.install(app)
    if find_spec("app.storage"):
        app.state.storage = import_module("app.storage").Storage.from_url(
            settings.storage_url, settings.data_dir / "cache"
        )
    if find_spec("app.doorbell"):
        app.state.doorbell = import_module("app.doorbell").Doorbell(settings)
    if find_spec("app.routes.datasets"):
        app.include_router(import_module("app.routes.datasets").router, prefix="/v1")
    return app
