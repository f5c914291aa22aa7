"""The report of a finished search: one HTML file that needs nothing else, fit to print or to keep beside a paper."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, Template
from sqlalchemy.orm import Session

from app.db import states
from app.db.repositories import searches
from app.errors import Problem
from app.services import evidence
from app.services.curves import curves
from app.services.gallery import gallery
from app.services.pictures import WIDEST_DEFECT, curves_picture, lattice_picture, spectrum_picture
from app.services.polar import STANDINGS, polar_pictures, standing
from app.services.searches import body
from app.storage import Storage

TEMPLATES = Path(__file__).parent.parent / "web" / "templates"
# Only its own style sheet and the pictures inside it; it has no script and asks for nothing.
REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
LEAST_SHOWN, MOST_SHOWN = 0.001, 0.9995  # shares beyond them, short of 0 and 1, would be rounded to these
SAMPLES = 6  # elements that are shown on samples
_FIRST_SHOWN = ("beyond", "unseen", "open", "within", "none")


def render(session: Session, storage: Storage, owner: str, search_id: str) -> str:
    """The report as HTML. Raises a 404 problem for no such search, 409 for one that is not done."""
    row = searches.find(session, owner, search_id)
    if row is None:
        raise Problem.not_found("search", search_id)
    if row["state"] != states.DONE:
        raise Problem(409, "Not in this state", f"The search is {row['state']}; a report is made of one that is done.",
                      slug="state")  # fmt: skip
    dataset = searches.dataset_of(session, search_id)
    ranking = evidence.ranking(session, owner, search_id)
    found = evidence.whole(session, owner, search_id)
    elements = evidence.elements(session, owner, search_id)["items"]
    lattice = evidence.lattice(session, owner, search_id)
    learning = curves(session, owner, search_id)["items"]
    best = next((node for node in lattice["nodes"] if node["rank"] == 1), None)
    samples = gallery(session, storage, owner, search_id)
    weights = row["request"].get("weights") or {}
    return _template().render(
        search=body(row),
        dataset=dataset,
        ranking=ranking,
        terms={item["candidate_id"]: weighted_terms(item, weights) for item in ranking["items"]},
        elements=elements,
        lattice=lattice_picture(lattice),
        polars=polar_pictures(elements, ranking["tolerance"]),
        standings=STANDINGS,
        gallery=samples,
        shown_items=_shown(samples, elements, ranking["tolerance"]),
        orbit=_orbit(samples, best),
        found=found,
        spectra=[spectrum_picture(spectrum, ranking["tolerance"]) for spectrum in found.get("spectrum") or []],
        curves=[item for item in learning if "labels_saved" in item],
        plot=curves_picture(learning, best["candidate_id"] if best else None),
        widest=WIDEST_DEFECT,
    )


def weighted_terms(row: dict[str, Any], weights: dict[str, float]) -> list[float] | None:
    """What accuracy, consistency and complexity (below zero) bring to the score of a row, which is their sum; None
    where it has none."""
    signs = {"accuracy": 1.0, "consistency": 1.0, "complexity": -1.0}
    terms: list[Any] = [row.get(f"{name}_term") for name in signs]
    if None in terms:
        return None
    return [sign * weights.get(name, 1.0) * term for (name, sign), term in zip(signs.items(), terms, strict=True)]


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=ChainableUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(number=number, percent=percent, span=span, moment=moment, fixed=fixed)
    return environment.get_template("report.html")


def _shown(samples: dict[str, Any], elements: list[dict[str, Any]], tolerance: float) -> list[dict[str, Any]]:
    """The elements that are shown on samples: those that break something first."""
    stands = {item["element"]: _FIRST_SHOWN.index(standing(item, tolerance)) for item in elements}
    items = samples.get("items", [])
    return sorted(items, key=lambda item: stands.get(item["element"], len(_FIRST_SHOWN)))[:SAMPLES]


def _orbit(samples: dict[str, Any], best: dict[str, Any] | None) -> dict[str, Any] | None:
    """The sample under the elements of the first candidate, where its symmetry is claimed."""
    if best is None or best["verdict"] not in ("certified", "approximate") or not samples.get("orbit"):
        return None
    moved = [one for one in samples["orbit"]["elements"] if best["name"] in one["groups"]]
    if not moved:
        return None
    return {
        "name": best["name"],
        "verdict": best["verdict"],
        "elements": moved,
        "of": best["order"] and best["order"] - 1,
        "relabels": any(one["label"] != samples["orbit"]["label"] for one in moved),
    }


def number(value: Any, digits: int = 3) -> str:
    """A number in few significant digits; a dash for none."""
    if not isinstance(value, int | float):
        return "–"
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}g}"
    return text.replace("-", "−")


def fixed(value: Any) -> str:
    """A number with two decimals, so that what is added up on paper adds up; a dash for none."""
    return f"{value:z,.2f}".replace("-", "−") if isinstance(value, int | float) else "–"


def percent(value: Any) -> str:
    """A share in per cent; a dash for none. Nothing and all are said of what is just that."""
    if not isinstance(value, int | float):
        return "–"
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    if 0 < value < LEAST_SHOWN:
        return "< 0.1 %"
    return "> 99.9 %" if MOST_SHOWN <= value < 1 else f"{100 * value:.1f} %"


def moment(text: Any) -> str:
    """The time of an RFC 3339 text to the minute; a dash for none."""
    return f"{text[:10]} {text[11:16]} UTC" if isinstance(text, str) else "–"


def span(interval: Any, digits: int = 3) -> str:
    """`mean (low to high)` of an interval, which may have no ends; a dash for none."""
    if not isinstance(interval, dict):
        return "–"
    middle, low, high = (
        round(end, 4) + 0.0 if isinstance(end, float) else end
        for end in (interval.get("mean", interval.get("value")), interval.get("low"), interval.get("high"))
    )
    text = number(middle, digits)
    return text if low is None or high is None else f"{text} ({number(low, digits)} to {number(high, digits)})"
