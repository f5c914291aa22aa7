"""Alembic environment: runs inside the connection and the transaction that `app.db.migrate` hands over."""

from typing import Any, Literal

from alembic import context

from app.db.tables import Base, UtcDateTime


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Migrations name types of SQLAlchemy only: a later change of ours must not change what an old one does."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
