"""The web application: what it holds, and what it mounts."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from app import errors, openapi
from app.auth import KeyRing
from app.db.session import make_engine, reader_engine, reader_factory, session_factory
from app.doorbell import Doorbell
from app.logs import configure_logging
from app.metrics import Metrics
from app.middleware import LOOPBACK_HOSTS, Guard, Observe, host_name
from app.routes import candidates, datasets, documentation, events, evidence, groups, pages, searches, service
from app.services.polling import SearchPoller
from app.settings import Settings, get_settings
from app.shutdown import watch_signals
from app.storage import Storage
from app.supervisor import WorkerSupervisor
from app.uploads import sweep_incoming
from app.version import VERSION

STREAM_THREADS = 4


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application for `settings` (by default those of the environment).

    Building it opens no connection; the worker of the embedded default starts with the server.
    """
    settings = settings or get_settings()
    configure_logging(settings.log_level)
    app = FastAPI(
        title="Erlangen",
        summary="Symmetry discovery as a service",
        description=openapi.DESCRIPTION,
        version=VERSION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.keys = KeyRing(settings.api_keys)
    app.state.engine = make_engine(settings.database_url)
    app.state.writer = session_factory(app.state.engine)
    app.state.reader = reader_factory(app.state.engine)
    app.state.storage = Storage.from_url(settings.storage_url, settings.data_dir / "cache")
    app.state.doorbell = Doorbell(settings)
    app.state.metrics = Metrics(app.state.reader)
    app.state.poller = SearchPoller(reader_engine(app.state.engine))
    app.state.stopping = threading.Event()
    # Event streams read in threads of their own, so that a thousand followers leave the other routes theirs.
    app.state.stream_limiter = CapacityLimiter(STREAM_THREADS)

    errors.install(app)
    openapi.install(app)
    app.add_middleware(Guard, hosts=_hosts(settings, app.state.keys))
    app.add_middleware(Observe, metrics=app.state.metrics)
    # Routers carry their own /v1: a prefix given here would be missing from the templates that metrics count by.
    for module in (searches, events, evidence, candidates, datasets, groups, service, pages, documentation):
        app.router.routes.extend(module.router.routes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    state.stopping.clear()
    sweep_incoming(state.settings)
    async with AsyncExitStack() as stack:
        stack.callback(state.engine.dispose)
        stack.callback(state.doorbell.close)
        stack.push_async_callback(state.poller.close)
        stack.callback(state.stopping.set)
        state.supervisors = [WorkerSupervisor(state.settings) for _ in range(state.settings.local_workers)]
        for supervisor in state.supervisors:
            supervisor.start()
            stack.push_async_callback(to_thread.run_sync, supervisor.stop)
        for supervisor in state.supervisors:  # on the way out all are asked before the first is waited for
            stack.callback(supervisor.ask_to_stop)
        stack.enter_context(watch_signals(state.stopping))
        yield


def _hosts(settings: Settings, keys: KeyRing) -> frozenset[str] | None:
    """Host names that are answered; None when a key is asked for anyway."""
    if not keys.open:
        return None
    named = {host_name(name.strip()) for name in settings.allowed_hosts.split(",") if name.strip()}
    return frozenset(LOOPBACK_HOSTS | {settings.host.lower()} | named)
