"""The two clients offer the same, and their records know what the service answers."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import re
from typing import Any

import numpy as np
import pytest

import erlangen_client
from app.main import create_app
from app.settings import Settings
from erlangen_client import AsyncClient, Client, ErlangenError
from erlangen_client.api import RankingFilters, SearchFilters, SearchOptions, UploadOptions
from tests.client.failing import Answer, Ask, serving

RECORDS = {
    "DatasetItem": "Dataset",
    "Group": "Group",
    "Progress": "Progress",
    "Best": "Best",
    "SearchItem": "Search",
    "CandidateItem": "Candidate",
    "RankingItem": "Candidate",
    "Ranking": "Ranking",
    "ElementItem": "Element",
    "ElementList": "Elements",
    "Support": "Support",
    "LatticeNode": "LatticeNode",
    "Lattice": "Lattice",
    "SearchEvidence": "Evidence",
    "CandidateCurve": "Curve",
    "Curves": "Curves",
    "LabelsSaved": "LabelsSaved",
    "RankingsItem": "RankedGroup",
    "Interval": "Interval",
    "PairedLoss": "PairedLoss",
    "SearchEstimate": "Estimate",
    "OfferedGroup": "OfferedGroup",
    "OfferedGroups": "OfferedGroups",
    "Defect": "Defect",
    "Guess": "Guess",
    "GallerySample": "GallerySample",
    "GalleryElement": "GalleryElement",
    "OrbitPicture": "OrbitPicture",
    "DatasetPreview": "Preview",
    "PreviewSample": "PreviewSample",
    "ClassCount": "ClassCount",
    "TargetHistogram": "TargetHistogram",
    "EquivarianceReport": "Equivariance",
    "EquivarianceRow": "EquivarianceRow",
    "Orbit": "Orbit",
    "Gallery": "Gallery",
    "Ready": "Ready",
}
# The method for each operation, and what it is called with where that is not an id for each part of the path.
METHODS: dict[tuple[str, str], tuple[str, list[Any]] | str] = {
    ("POST", "/v1/datasets"): ("upload", [np.zeros((2, 1)), [0, 1]]),
    ("GET", "/v1/datasets"): "datasets",
    ("GET", "/v1/datasets/{dataset_id}"): "dataset",
    ("DELETE", "/v1/datasets/{dataset_id}"): "delete",
    ("GET", "/v1/datasets/{dataset_id}/preview"): "preview",
    ("GET", "/v1/datasets/{dataset_id}/groups"): "offered",
    ("GET", "/v1/groups"): "groups",
    ("POST", "/v1/searches"): ("start", ["x"]),
    ("GET", "/v1/searches"): "searches",
    ("POST", "/v1/searches/estimate"): ("estimate", ["x"]),
    ("GET", "/v1/searches/{search_id}"): "status",
    ("POST", "/v1/searches/{search_id}/cancel"): "cancel",
    ("POST", "/v1/searches/{search_id}/retry"): "retry",
    ("GET", "/v1/searches/{search_id}/events"): "events",
    ("GET", "/v1/searches/{search_id}/ranking"): "ranking",
    ("GET", "/v1/searches/{search_id}/elements"): "elements",
    ("GET", "/v1/searches/{search_id}/evidence"): "evidence",
    ("GET", "/v1/searches/{search_id}/gallery"): "gallery",
    ("GET", "/v1/searches/{search_id}/report"): "report",
    ("GET", "/v1/searches/{search_id}/curves"): "curves",
    ("GET", "/v1/searches/{search_id}/lattice"): "lattice",
    ("GET", "/v1/rankings"): "rankings",
    ("GET", "/v1/candidates/{candidate_id}"): "candidate",
    ("GET", "/v1/candidates/{candidate_id}/model"): "download",
    ("GET", "/v1/candidates/{candidate_id}/equivariance"): "equivariance",
    ("GET", "/livez"): "alive",
    ("GET", "/readyz"): "ready",
}
# Operations without a method, and why.
WITHOUT = {("GET", "/metrics"): "is for Prometheus; `request` returns its text"}


def public(kind: type) -> dict[str, Any]:
    return {name: method for name, method in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data"), embedded_worker=False)).openapi()


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    here, there = public(Client), public(AsyncClient)
    assert here.keys() == there.keys()
    for name, method in here.items():
        ours, theirs = inspect.signature(method), inspect.signature(there[name])
        assert ours.parameters == theirs.parameters, name
        assert method.__doc__ == there[name].__doc__, name
        waits = inspect.iscoroutinefunction(there[name])
        assert waits or "Iterator" in str(theirs.return_annotation), name
        assert str(theirs.return_annotation) == ("" if waits else "Async") + str(ours.return_annotation), name
    assert inspect.signature(Client).parameters == inspect.signature(AsyncClient).parameters


@pytest.mark.parametrize("schema", RECORDS)
def test_records_have_the_fields_of_the_service(document: dict[str, Any], schema: str) -> None:
    record = getattr(erlangen_client, RECORDS[schema])
    known = {field.name for field in dataclasses.fields(record)}
    assert set(document["components"]["schemas"][schema]["properties"]) <= known


def test_options_are_those_of_the_service(document: dict[str, Any]) -> None:
    schemas, paths = document["components"]["schemas"], document["paths"]
    asked = set(schemas["SearchRequest"]["properties"]) - {"dataset_id", "candidates", "webhook_url"}
    assert asked == set(SearchOptions.__annotations__)
    form = paths["/v1/datasets"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(form) - {"file", "name"} == set(UploadOptions.__annotations__)
    for path, filters in (("/v1/searches", SearchFilters), ("/v1/rankings", RankingFilters)):
        offered = {part["name"] for part in paths[path]["get"]["parameters"] if part["in"] == "query"}
        assert offered - {"limit", "cursor"} == set(filters.__annotations__)


def test_every_operation_has_a_method_or_a_reason(document: dict[str, Any]) -> None:
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert operations == METHODS.keys() | WITHOUT.keys()
    assert not METHODS.keys() & WITHOUT.keys()


@pytest.mark.parametrize("operation", METHODS, ids=" ".join)
def test_a_method_asks_for_its_operation(ask: Ask, operation: tuple[str, str]) -> None:
    chosen, (method, path) = METHODS[operation], operation
    name, arguments = (chosen, ["x"] * path.count("{")) if isinstance(chosen, str) else chosen
    with serving(Answer.json({"title": "No"}, 404)) as server, contextlib.suppress(ErlangenError):
        ask(server, name, *arguments)
    assert [(asked.method, asked.path.partition("?")[0]) for asked in server.asked] == [
        (method, re.sub(r"{\w+}", "x", path))
    ]
