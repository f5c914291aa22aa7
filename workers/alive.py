"""Health check of a worker container: has a worker on this host said lately that it is alive?"""

from __future__ import annotations

import socket
import sys
from datetime import timedelta

from sqlalchemy import Engine, func, select

from app.db.session import make_engine, reader_factory
from app.db.tables import Worker, utc_now
from app.settings import get_settings

SILENCE = timedelta(seconds=60)


def is_alive(engine: Engine, host: str) -> bool:
    """Whether a worker process on `host` has written its heartbeat within the last minute."""
    heard = select(func.count()).where(
        Worker.id.startswith(f"{host}:", autoescape=True), Worker.seen_at >= utc_now() - SILENCE
    )
    with reader_factory(engine)() as session:
        return bool(session.scalar(heard))


if __name__ == "__main__":
    sys.exit(0 if is_alive(make_engine(get_settings().database_url), socket.gethostname()) else 1)
