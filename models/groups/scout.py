"""Searches in which label actions are to be found: the plan of the scout, and the plan made from what it found.

A scout is one network without symmetry. From its held-out predictions on moved samples the label action of each
candidate that asks for one is read off; then the search is planned with that action given, beside the trivial one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.groups.action import is_trivial
from models.groups.candidates import parse_candidate
from models.groups.entries import Candidate, Samples
from models.groups.errors import CandidateError
from models.groups.labels import is_found
from models.groups.plan import plan_search
from models.groups.probed import Family

_LABEL_FIELDS = ("labels", "label_generators", "label_matrices")


def plan_or_scout(
    candidates: Sequence[Any] | str, *, include_subgroups: bool, max_candidates: int, **data: Any
) -> dict[str, Any]:
    """`plan_search`, or where some candidate's label action is to be found the plan of the scout.

    That has one node, the trivial group, and the element classes of all candidates; its `scout` is {candidates,
    include_subgroups, max_candidates, data, searches}. Raises CandidateError for an entry that cannot be searched for.
    """
    options: dict[str, Any] = {"include_subgroups": include_subgroups, "max_candidates": max_candidates}
    entries: list[Any] = [] if isinstance(candidates, str) else list(candidates)
    wanted = [i for i, entry in enumerate(entries) if is_found(entry)]
    if not wanted:
        return plan_search(candidates, **options, **data)
    if len(entries) + len(wanted) > max_candidates:
        raise CandidateError(
            None,
            f"{len(entries)} candidates, {len(wanted)} of them with labels to be found, which count twice; "
            f"at most {max_candidates} are searched at once",
        )
    samples = known_samples(data)
    plain = [unmoved(entry) if is_found(entry) else entry for entry in entries]
    whole = plan_search(plain, **options, **data)
    for i in wanted:
        _check(entries[i], i, parse_candidate(plain[i], i, samples), samples)
    node = [n for n in whole["nodes"] if is_trivial(n["spec"])][-1]  # with translations, where there are any
    node = {**node, "classes": [], "title": f"{node['title']}: finds the label actions"}
    warnings = [w for w in whole["warnings"] if "searched for once" not in w]
    scout = {"candidates": entries, **options, "data": data, "searches": len(whole["nodes"])}
    return {"nodes": [node], "covers": [], "classes": whole["classes"], "warnings": warnings, "scout": scout}


def plan_found(scout: dict[str, Any], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The plan of the search itself. `found`: for each candidate with labels to be found {candidate, labels, maps}.

    Both the action that was found and the trivial one are planned; `plan["found"]` says what was found, and that the
    samples it was found on must not testify.
    """
    by_candidate = {int(f["candidate"]): f for f in found}
    entries: list[Any] = []
    warnings = []
    for i, entry in enumerate(scout["candidates"]):
        if not is_found(entry):
            entries.append({"group": entry} if isinstance(entry, str) else entry)
            continue
        entries.append(unmoved(entry))
        action = by_candidate.get(i)
        if action is not None and action["labels"] != "trivial":
            entries.append({**unmoved(entry), "labels": action["labels"], **action["maps"]})
        else:
            warnings.append(f"{entry['group']}: no action on the labels fits better than leaving them in place")
    if any(f["labels"] != "trivial" for f in found):
        warnings.append("a quarter of the samples, from which label actions were found, testify about no element")
    once = [entry for i, entry in enumerate(entries) if entry not in entries[:i]]
    options = {name: scout[name] for name in ("include_subgroups", "max_candidates")}
    try:
        plan = plan_search(once, **options, **scout["data"])
    except CandidateError as error:
        # The label actions doubled what is searched for beyond a limit that the groups alone respect.
        plan = plan_search(once, include_subgroups=False, max_candidates=options["max_candidates"], **scout["data"])
        warnings.append(f"with the label actions that were found, subgroups are left out: {error.detail}")
    return {**plan, "warnings": list(dict.fromkeys([*plan["warnings"], *warnings])), "found": list(found)}


def known_samples(data: dict[str, Any]) -> Samples:
    """What reading a candidate must know, from the keyword arguments of `plan_search`."""
    outputs = data["classes"] if data["task"] == "classification" else data["target_dim"]
    return Samples(data["domain"], tuple(int(v) for v in data["x_shape"]), data["task"], int(outputs or 1))


def unmoved(entry: dict[str, Any]) -> dict[str, Any]:
    """The candidate with its labels left in place."""
    return {name: value for name, value in entry.items() if name not in _LABEL_FIELDS and value is not None}


def named_actions(entry: dict[str, Any], index: int, samples: Samples) -> dict[str, Candidate]:
    """The candidate with each label action that has a name and suits group and data, the trivial one left out."""
    options = {}
    for labels in ("sign", "vector"):
        try:
            options[labels] = parse_candidate({**unmoved(entry), "labels": labels}, index, samples)
        except CandidateError:
            continue
    return options


def _check(entry: dict[str, Any], index: int, candidate: Candidate, samples: Samples) -> None:
    if entry["labels"] == "permutation" and samples.task != "classification":
        raise CandidateError(index, '"labels": "permutation" permutes classes; this is a regression', "labels")
    if entry["labels"] == "permutation" and isinstance(candidate.group, Family):
        raise CandidateError(
            index, f'permutations of the classes under {candidate.name} are not searched for; send "auto"', "labels"
        )
    if candidate.architecture == "constrained":
        raise CandidateError(index, '"constrained" networks are invariant: labels must be trivial', "architecture")
    if any(entry.get(field) is not None for field in _LABEL_FIELDS[1:]):
        raise CandidateError(index, "label maps are either given or found", "labels")
