"""What a search found: ranking, elements, lattice, and rankings across searches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import HTMLResponse, Response

from app.db.repositories import searches as repository
from app.dependencies import CurrentStorage, ReadAccess, Reader
from app.pagination import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor
from app.routes.groups import Domain
from app.schemas.common import GroupFilter, SearchId, problems
from app.schemas.curves import Curves
from app.schemas.elements import ElementList, Lattice
from app.schemas.evidence import SearchEvidence
from app.schemas.gallery import Gallery
from app.schemas.rankings import Ranking, RankingsList
from app.schemas.searches import Verdict
from app.services import curves, evidence, gallery, report, tables
from app.services.searches import timestamp

router = APIRouter(prefix="/v1", tags=["evidence"])
Format = Annotated[Literal["json", "csv"] | None, Query(description="Or by the first type of the Accept header.")]
Accept = Annotated[str | None, Header(include_in_schema=False)]


def _varies(response: Response) -> None:
    response.headers["Vary"] = "Accept"


TABLE: dict[int | str, dict[str, Any]] = {200: {"content": {tables.CSV: {"schema": {"type": "string"}}}}}


@router.get(
    "/searches/{search_id}/ranking",
    response_model=Ranking,
    responses=TABLE | problems(404),
    dependencies=[Depends(_varies)],
    summary="Candidates, best first",
)
def get_ranking(
    search_id: SearchId, principal: ReadAccess, reader: Reader, format: Format = None, accept: Accept = None
) -> Any:
    """Every candidate with its verdict, posterior, score and the three terms of the score; as JSON or as CSV.

    Before the search is done the candidates come in plan order, without ranks.
    """
    with reader() as session:
        found = evidence.ranking(session, principal.owner, search_id)
    return _table(found, tables.RANKING, f"{search_id}-ranking", format, accept)


@router.get(
    "/searches/{search_id}/elements",
    response_model=ElementList,
    responses=TABLE | problems(404),
    dependencies=[Depends(_varies)],
    summary="Evidence on each element",
)
def get_elements(
    search_id: SearchId, principal: ReadAccess, reader: Reader, format: Format = None, accept: Accept = None
) -> Any:
    """The orbit-loss test of each class of elements, the ground of every verdict; as JSON or as CSV."""
    with reader() as session:
        found = evidence.elements(session, principal.owner, search_id)
    return _table(found, tables.ELEMENTS, f"{search_id}-elements", format, accept)


@router.get(
    "/searches/{search_id}/evidence",
    response_model=SearchEvidence,
    responses=problems(404),
    summary="Evidence about the data as a whole",
)
def get_evidence(search_id: SearchId, principal: ReadAccess, reader: Reader) -> Any:
    """What belongs to no single candidate or element."""
    with reader() as session:
        return evidence.whole(session, principal.owner, search_id)


@router.get(
    "/searches/{search_id}/gallery",
    response_model=Gallery,
    responses=problems(404),
    summary="Samples with the elements applied",
)
def get_gallery(search_id: SearchId, principal: ReadAccess, reader: Reader, storage: CurrentStorage) -> Any:
    """For each tested element the held-out sample that it costs most and an ordinary one, before and after, with what a
    network says of both; and one sample under all elements of the listed groups.

    Kept when the group that moves nothing was trained; empty, with a reason, before that and where it was not.
    """
    with reader() as session:
        return gallery.gallery(session, storage, principal.owner, search_id)


@router.get(
    "/searches/{search_id}/report",
    response_class=HTMLResponse,
    responses=problems(404, 409),
    summary="The report, as one HTML file",
)
def get_report(search_id: SearchId, principal: ReadAccess, reader: Reader, storage: CurrentStorage) -> HTMLResponse:
    """Answer, lattice, candidates, elements, samples, curves and methods of a finished search; needs no other file, and
    prints."""
    with reader() as session:
        page = report.render(session, storage, principal.owner, search_id)
    name = f'inline; filename="{search_id}.html"'
    return HTMLResponse(page, headers={"Content-Security-Policy": report.REPORT_CSP, "Content-Disposition": name})


@router.get(
    "/searches/{search_id}/curves",
    response_model=Curves,
    responses=problems(404),
    summary="What each candidate is worth",
)
def get_curves(search_id: SearchId, principal: ReadAccess, reader: Reader) -> Any:
    """Learning curves on the same samples, labels and bits saved against the trivial group, and the price.

    Nothing here decides which group is the symmetry.
    """
    with reader() as session:
        return curves.curves(session, principal.owner, search_id)


@router.get(
    "/searches/{search_id}/lattice", response_model=Lattice, responses=problems(404), summary="The lattice of groups"
)
def get_lattice(search_id: SearchId, principal: ReadAccess, reader: Reader) -> Any:
    """Groups and covers, for a Hasse diagram, with verdict and posterior where they are known."""
    with reader() as session:
        return evidence.lattice(session, principal.owner, search_id)


@router.get(
    "/rankings", response_model=RankingsList, responses=problems(), summary="Best-fitting groups across searches"
)
def list_rankings(
    principal: ReadAccess,
    reader: Reader,
    group: GroupFilter = None,
    domain: Domain | None = None,
    verdict: Verdict | None = None,
    min_posterior: Annotated[float | None, Query(ge=0, le=1)] = None,
    max_rank: Annotated[int | None, Query(ge=1, le=10_000, description="1: only the best of each search.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Ranked candidates of all finished searches, the most probable first."""
    context = ["rankings", principal.owner, group, domain, verdict, min_posterior, max_rank]
    after = None
    if cursor is not None:
        posterior, trial_id = decode_cursor(context, cursor)
        after = (posterior, trial_id)
    with reader() as session:
        rows = repository.rankings(
            session,
            principal.owner,
            group=group,
            domain=domain,
            verdict=verdict,
            min_posterior=min_posterior,
            max_rank=max_rank,
            after=after,
            limit=limit + 1,
        )
    items = [
        {**row._mapping, "candidate_id": row.id, "finished_at": timestamp(row.finished_at)} for row in rows[:limit]
    ]
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    return {
        "items": items,
        "next_cursor": encode_cursor(context, [last.posterior, last.id]) if last is not None else None,
    }


def _table(
    found: dict[str, Any], columns: list[tables.Column], name: str, format: str | None, accept: str | None
) -> dict[str, Any] | Response:
    """The rows as they are, to become JSON, or as a file of CSV."""
    if not tables.wants_csv(format, accept):
        return found
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"}
    return Response(tables.as_csv(found["items"], columns), media_type=tables.CSV, headers=headers)
