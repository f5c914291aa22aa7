"""The two clients offer the same, and their records know what the service answers."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

import erlangen_client
from app.main import create_app
from app.settings import Settings
from erlangen_client import AsyncClient, Client
from erlangen_client.api import RankingFilters, SearchFilters, SearchOptions, UploadOptions

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
}


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
