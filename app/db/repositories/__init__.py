"""Queries, one module a table; every query on user data filters by owner, and none commits."""

from typing import Any

from sqlalchemy import Row

AnyRow = Row[*tuple[Any, ...]]
