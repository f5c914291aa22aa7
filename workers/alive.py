"""Health check of a worker container: has a worker on this host said lately that it is alive?"""

from __future__ import annotations

import socket
import sys
from datetime import timedelta

from sqlalchemy import Engine, func, select

from app.db.session import make_engine, reader_factory
from app.db.tables import Worker
from app.settings import get_settings
from workers.leases import database_now

SILENCE = timedelta(seconds=60)


def is_alive(engine: Engine, host: str) -> bool:
    """Whether a worker process on `host` has written its heartbeat within the last minute."""
    mine = Worker.id.startswith(f"{host}:", autoescape=True)
    with reader_factory(engine)() as session:
        since = database_now(session) - SILENCE  # heartbeats carry the database's time
        return bool(session.scalar(select(func.count()).where(mine, Worker.seen_at >= since)))


if __name__ == "__main__":
    sys.exit(0 if is_alive(make_engine(get_settings().database_url), socket.gethostname()) else 1)
