"""API keys: who asks, and what they may do.

`ERLANGEN_API_KEYS` is a comma-separated list of `[owner[:scope|scope]=]KEY`, where KEY is the key itself or
`sha256$HEX`, the hash of it. Scopes are `read` and `write`; an entry without scopes has both. A key without an
owner gets an owner derived from its hash. Without any key the service answers everyone as the owner `local`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from app.errors import Problem

READ, WRITE = "read", "write"
SCOPES = frozenset({READ, WRITE})
LOCAL_OWNER = "local"
# A bare key with = in it would read as an owner: such a key needs one in front.
_ENTRY = re.compile(r"(?:(?P<owner>[A-Za-z0-9_.-]+)(?::(?P<scopes>[a-z|]+))?=(?P<owned>[^\s=]\S*)|(?P<bare>[^\s=]+))")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: the owner of the rows they see, and their scopes."""

    owner: str
    scopes: frozenset[str] = SCOPES

    def require(self, scope: str) -> None:
        """Raise a 403 problem unless this principal has `scope`."""
        if scope not in self.scopes:
            raise Problem(403, "The key may not do this", f"This needs a key with the scope {scope!r}.", slug="scope")


def hash_key(key: str) -> str:
    """`sha256$HEX` of a key, as it may stand in the settings."""
    return f"sha256${hashlib.sha256(key.encode()).hexdigest()}"


def new_key() -> tuple[str, str]:
    """A fresh key of 256 random bits and its hashed entry."""
    key = f"erl_{secrets.token_urlsafe(32)}"
    return key, hash_key(key)


class KeyRing:
    """The keys of one process, kept as hashes only."""

    def __init__(self, entries: str) -> None:
        """entries: see the module's description; raises ValueError for an entry that cannot be read."""
        self._keys: list[tuple[str, Principal]] = []
        for position, entry in enumerate((part.strip() for part in entries.split(",") if part.strip()), start=1):
            self._keys.append(_read_entry(position, entry))

    @property
    def open(self) -> bool:
        """True when no key is configured: everyone is the local owner."""
        return not self._keys

    def principal(self, authorization: str | None) -> Principal:
        """Who sent this `Authorization` header; raises a 401 problem for a missing or unknown key."""
        if not self._keys:
            return Principal(LOCAL_OWNER)
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise _unauthorised("Send `Authorization: Bearer KEY`.", "Bearer")
        digest = hash_key(key.strip())
        found: Principal | None = None
        for stored, principal in self._keys:  # no early exit: the time taken says nothing about which key it was
            if hmac.compare_digest(stored, digest):
                found = principal
        if found is None:
            raise _unauthorised("This key is not known here.", 'Bearer error="invalid_token"')
        return found


def _read_entry(position: int, entry: str) -> tuple[str, Principal]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError(f"ERLANGEN_API_KEYS: entry {position} is not `[owner[:scope|scope]=]KEY`")
    scopes = frozenset((match["scopes"] or "read|write").split("|"))
    if not scopes <= SCOPES:
        raise ValueError(f"ERLANGEN_API_KEYS: entry {position} names a scope that is neither read nor write")
    key = match["owned"] or match["bare"]
    digest = key.lower() if key.startswith("sha256$") else hash_key(key)
    if not re.fullmatch(r"sha256\$[0-9a-f]{64}", digest):
        raise ValueError(f"ERLANGEN_API_KEYS: entry {position} has a hash that is not 64 hexadecimal digits")
    owner = match["owner"] or f"key-{digest.removeprefix('sha256$')[:12]}"
    return digest, Principal(owner, scopes)


def _unauthorised(detail: str, challenge: str) -> Problem:
    return Problem(401, "A key is needed", detail, slug="unauthorised", headers={"WWW-Authenticate": challenge})
