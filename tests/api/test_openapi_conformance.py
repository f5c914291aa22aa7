"""The running server answers as its OpenAPI document says, whatever is sent (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.db.migrate import upgrade
from app.db.session import make_engine, session_factory
from app.settings import Settings
from tests.api.process import serving
from tests.api.rows import Rows

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8


@dataclass
class Running:
    """A server with rows in it, and their ids by the name of the path parameter."""

    url: str
    known: dict[str, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("conformance")
    configured = Settings(data_dir=folder / "data", embedded_worker=False)
    upgrade(configured.database_url)
    engine = make_engine(configured.database_url)
    rows = Rows(session_factory(engine))
    rows.worker()
    search = rows.search(state="done")
    rows.search(state="failed")
    known = {"search_id": search, "candidate_id": rows.trials(search)[0].id, "dataset_id": rows.dataset()}
    with serving(configured, folder / "log") as server:
        yield Running(server.url, known)
    engine.dispose()


SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_answers_conform(running: Running) -> None:
    document = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) >= 20
    for operation in operations:
        for mode in GenerationMode:
            try:
                check(operation, mode, running.known)
            except Unsatisfiable:  # an operation without parameters cannot be called wrongly
                assert mode.is_negative, operation.label


def check(operation: Any, mode: GenerationMode, known: dict[str, str]) -> None:
    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforming(case: schemathesis.Case) -> None:
        conforms(case, known)

    conforming()


def conforms(case: schemathesis.Case, known: dict[str, str]) -> None:
    """Once with whatever was made up, mostly a 404, and once on a row that is there."""
    case.call_and_validate(checks=CHECKS, timeout=20)
    named = {name: known[name] for name in case.path_parameters or {} if name in known}
    if named:
        case.path_parameters = {**case.path_parameters, **named}
        case.call_and_validate(checks=CHECKS, timeout=20)
