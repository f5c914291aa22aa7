"""The answer of a search in words: a summary for people, and warnings."""

from __future__ import annotations

from typing import Any

from models.groups.action import is_trivial
from models.groups.joins import above
from workers.evidence.decision import Decision, MoreData
from workers.evidence.orbits import Witness
from workers.evidence.verdicts import times

_RIVALS = 10.0  # groups whose posteriors lie within this factor of the best are not told apart
_BROKEN = 0.5  # of the spread of its outputs: a network that learned to see which way its images were turned
_NAMED = 3


def summary(plan: dict[str, Any], found: Decision, more: MoreData | None) -> str:
    """One or two sentences: which group, how sure, what refutes the next larger one, what is not told apart, and how
    much more data would decide."""
    if not found.order:
        return "No candidate's network could be trained, so nothing can be said."
    best = found.order[0]
    node, verdict = plan["nodes"][best], found.verdicts[best]
    if not found.learned:
        text = (
            "No symmetry can be named: no network predicts these labels better than a constant. "
            "More samples, or labels that depend on x, are needed."
        )
        if is_trivial(node["spec"]):
            return text
        return f"{text} Kernel evidence alone favours {node['name']} (posterior {found.probabilities[best]:.2f})."
    sure = f"posterior {found.probabilities[best]:.2f}"
    if is_trivial(node["spec"]):
        first = f"{_none_shown(plan, found)}; {node['title']} fits best ({sure})"
    elif verdict.name == "certified":
        first = f"The symmetry of this data is {_named(node)}: {verdict.reason} ({sure})"
    elif verdict.name == "approximate":
        first = f"This data is nearly symmetric under {_named(node)}: {verdict.reason} ({sure})"
    elif verdict.name == "refuted":
        first = f"Even the likeliest group, {_named(node)}, is refuted: {verdict.reason} ({sure})"
    else:
        first = f"{verdict.name.capitalize()}: {_named(node)}, fits best ({sure}), but {verdict.reason}"
    clauses = [_next_larger(plan, found, best), _rivals(plan, found, best)]
    if verdict.name != "undetermined":  # whose reason says it
        clauses.append(_more(plan, best, more))
    clauses.append(_lost(plan, found))
    clauses = [c for c in clauses if c]
    second = "; ".join(clauses)
    return f"{first}." + (f" {second[:1].upper()}{second[1:]}." if second else "")


def _none_shown(plan: dict[str, Any], found: Decision) -> str:
    """That no symmetry ranks first; candidates that are not ruled out, not tested or not decided are named."""
    held = [
        str(plan["nodes"][p]["name"])
        for p in found.order
        if found.verdicts[p].name in ("certified", "approximate") and not is_trivial(plan["nodes"][p]["spec"])
    ]
    if held:
        return f"No symmetry ranks first, though {', '.join(held[:_NAMED])} are not ruled out"
    for verdict, why in (
        ("untested", "not tested, since the data never shows the moved samples"),
        ("undetermined", "not decided"),
    ):
        names = [str(plan["nodes"][p]["name"]) for p in found.order if found.verdicts[p].name == verdict]
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            return f"No candidate symmetry is shown, but {', '.join(names[:_NAMED])}{more} could be true: {why}"
    return "None of the candidate symmetries is supported"


def _named(node: dict[str, Any]) -> str:
    """Name and title of a group; what is said by both is said once."""
    centred = " about the centre"
    name = str(node["name"])
    return f"{name.removesuffix(centred) if centred in node['title'] else name}, {node['title']}"


def _lost(plan: dict[str, Any], found: Decision) -> str:
    """The candidates that are not ranked, among which the symmetry may be."""
    lost = [str(node["name"]) for p, node in enumerate(plan["nodes"]) if p not in found.verdicts]
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"not ranked, because training failed: {', '.join(lost[:_NAMED])}{more}" if lost else ""


def _next_larger(plan: dict[str, Any], found: Decision, best: int) -> str:
    """Why the groups directly above the best are not claimed; the likeliest of them stands for all."""
    upper = above(plan)
    larger = [p for p in upper[best] if p in found.verdicts and found.verdicts[p].name == "refuted"]
    least = [p for p in larger if not any(p in upper[q] for q in larger)]
    if not least:
        return ""
    p = max(least, key=lambda q: (found.probabilities[q], -q))
    names = [str(plan["nodes"][q]["name"]) for q in sorted(least) if q != p]
    others = f" (so are {', '.join(names[:_NAMED])})" if names else ""
    return f"{plan['nodes'][p]['name']} is ruled out{others}: {found.verdicts[p].reason}"


def _rivals(plan: dict[str, Any], found: Decision, best: int) -> str:
    names = [str(plan["nodes"][p]["name"]) for p in _close(found, best) if p != best]
    return f"not told apart from {', '.join(names[:_NAMED])}" if names else ""


def _close(found: Decision, best: int) -> list[int]:
    close = [p for p in found.order if found.probabilities[p] * _RIVALS >= found.probabilities[best]]
    return [p for p in close if found.verdicts[p].name not in ("refuted", "untested")]


def _more(plan: dict[str, Any], best: int, more: MoreData | None) -> str:
    if more is None or more.factor is None:
        return ""
    one, other = (plan["nodes"][p]["name"] for p in (best, more.rival))
    return f"about {times(more.factor)} the data would decide between {one} and {other}"


def not_told_apart(plan: dict[str, Any], found: Decision) -> list[str]:
    """A warning that names the certified groups between which the data does not choose, such as C8, C16 and SO(2)."""
    certified = found.certified
    best = max((found.probabilities[p] for p in certified), default=0.0)
    close = [p for p in certified if found.probabilities[p] * _RIVALS >= best]
    if len(close) < 2:
        return []
    names = ", ".join(str(plan["nodes"][p]["name"]) for p in close)
    return [f"not told apart: {names} are all certified, their posteriors within a factor of {_RIVALS:.0f}"]


def warnings_of(
    plan: dict[str, Any],
    done: dict[int, dict[str, Any]],
    trials: list[dict[str, Any]],
    witnesses: list[Witness],
    learned: bool,
) -> list[str]:
    """What a reader of the ranking must know: lost trials, broken networks, translations that may not hold."""
    warnings = list(plan["warnings"])
    lost = [str(plan["nodes"][t["position"]]["name"]) for t in trials if t["state"] != "done"]
    if lost:
        warnings.append(f"not ranked, because their networks were not trained: {', '.join(lost)}")
    if done and plan["classes"] and not any("support" in t["metrics"] for t in done.values()):
        warnings.append(
            "whether the data shows the moved poses was not measured: the network without symmetry is missing"
        )
    for position, trial in sorted(done.items()):
        broken = float(trial["metrics"].get("equivariance_error") or 0.0)
        if broken > _BROKEN:
            warnings.append(
                f"the network of {plan['nodes'][position]['name']} breaks the symmetry it was built for, at worst by "
                f"{broken:.1f} standard deviations of its outputs: its accuracy says little about the group"
            )
        warnings += [f"{plan['nodes'][position]['name']}: {w}" for w in trial["metrics"].get("warnings", [])]
    placed = [w for w in witnesses if w.name.endswith("positions")]
    others = [w for w in witnesses if not w.name.endswith("positions")]
    if placed and others and placed[0].informed:
        if placed[0].gain > 1.25 * max(w.gain for w in others) + 0.02:
            warnings.append(
                "a network that knows where things are predicts clearly better than those that do not: translations "
                'may be no symmetry here; compare groups about the centre, {"group": ..., "translations": false}'
            )
    if plan["classes"] and not learned:
        warnings.append("no witness beats the best constant predictor by three standard errors")
    return warnings
