"""The OpenAPI document: FastAPI's own, with the problem document that every route may answer with."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.schemas.common import ProblemDocument

DESCRIPTION = """Post a data set, get its ranked symmetry groups with the evidence.

1. `POST /v1/datasets` with the file.
2. `POST /v1/searches` with the groups to test, or `"candidates": "auto"`.
3. Follow `GET /v1/searches/{id}/events`, or poll `GET /v1/searches/{id}`.
4. Read `GET /v1/searches/{id}/ranking` and `/elements`.

Errors are problem documents (RFC 9457) with a JSON pointer to each bad part of the input. Lists are
`{items, next_cursor}`. When keys are configured, send `Authorization: Bearer KEY`.
"""
TAGS = [
    {"name": "datasets", "description": "Data sets: what a search is about."},
    {"name": "groups", "description": "The groups that can be named."},
    {"name": "searches", "description": "Searches: start, follow, cancel, retry."},
    {"name": "evidence", "description": "What a search found, and on what grounds."},
    {"name": "candidates", "description": "Single candidates and their trained networks."},
    {"name": "service", "description": "Health and metrics."},
]
SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key. Not needed when the service has no keys configured.",
}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` build the document once."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=TAGS,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            for path, item in document["paths"].items():
                for operation in item.values() if path.startswith("/v1/") else ():
                    operation["security"] = [{"HTTPBearer": []}]
            document.setdefault("components", {})["securitySchemes"] = {"HTTPBearer": SECURITY_SCHEME}
            problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document["components"].setdefault("schemas", {})
            schemas.update(problem.pop("$defs", {}))
            schemas["ProblemDocument"] = problem
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]
