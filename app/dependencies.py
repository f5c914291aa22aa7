"""What routes ask for: sessions, storage, settings, and who is asking.

Every dependency is `async` and only looks something up, so that it costs no trip to the thread pool.
Sessions are given as factories: `with writer() as session: ...; session.commit()` inside the route's own thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session, sessionmaker

from app.auth import READ, WRITE, KeyRing, Principal
from app.settings import Settings

if TYPE_CHECKING:
    from app.doorbell import Doorbell as DoorbellClass
    from app.storage import Storage as StorageClass


async def get_settings_dep(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def get_writer(request: Request) -> sessionmaker[Session]:
    """Sessions that write; commit once, at the end of the service call."""
    return cast("sessionmaker[Session]", request.app.state.writer)


async def get_reader(request: Request) -> sessionmaker[Session]:
    """Sessions that only read: on SQLite they never wait for a writer."""
    return cast("sessionmaker[Session]", request.app.state.reader)


async def get_storage(request: Request) -> Any:
    return request.app.state.storage


async def get_doorbell(request: Request) -> Any:
    return request.app.state.doorbell


async def reading_principal(request: Request) -> Principal:
    """Who asks; raises a 401 problem without a known key where keys are configured, 403 for a key that cannot read."""
    return principal_of(request, READ)


async def writing_principal(request: Request) -> Principal:
    """As `reading_principal`, for a key that can write."""
    return principal_of(request, WRITE)


def principal_of(request: Request, scope: str) -> Principal:
    """Who asks; raises a problem unless they may do what needs `scope`. The OpenAPI document says so in app.openapi."""
    ring: KeyRing = request.app.state.keys
    principal = ring.principal(request.headers.get("authorization"))
    principal.require(scope)
    return principal


ReadAccess = Annotated[Principal, Depends(reading_principal)]
WriteAccess = Annotated[Principal, Depends(writing_principal)]
CurrentSettings = Annotated[Settings, Depends(get_settings_dep)]
Writer = Annotated[sessionmaker[Session], Depends(get_writer)]
Reader = Annotated[sessionmaker[Session], Depends(get_reader)]
if TYPE_CHECKING:
    CurrentStorage = Annotated[StorageClass, Depends(get_storage)]
    CurrentDoorbell = Annotated[DoorbellClass, Depends(get_doorbell)]
else:
    CurrentStorage = Annotated[Any, Depends(get_storage)]
    CurrentDoorbell = Annotated[Any, Depends(get_doorbell)]
