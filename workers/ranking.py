"""From the trials of a search to its answer: verdicts, posterior, scores, ranks, and a sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.groups.action import is_trivial
from workers.evidence.orbits import CROSS_FITTED, LEVEL, UNKNOWN, Defect, Witness, contrast
from workers.evidence.posterior import confidence, log2_bayes_factor, posterior
from workers.evidence.simultaneous import adjusted_p_values, critical_value, flips
from workers.evidence.verdicts import ClassEvidence, Verdict, verdict
from workers.scoring import Terms, accuracy_term, complexity_term, consistency_term
from workers.stopping import saved

_RIVALS = 10.0  # certified groups whose posteriors lie within this factor of the best are not told apart
_UNEVEN = 1e-3  # p-value of support below which scaled samples lie farther from the data than samples do
_BROKEN = 0.5  # of the spread of its outputs: a network that learned to see which way its images were turned
_FILES = ("base", "constant", "excess", "cluster")


def rank_search(job: dict[str, Any]) -> dict[str, Any]:
    """The ranking of a search.

    `job`: {plan, request, trials: [{position, state, metrics, error, arrays: {file name: path}}]}. Returns {best,
    confidence, summary, warnings, rows, elements, evidence} ready to be stored; trials that did not finish have no
    rank. `evidence` is what was found about the data as a whole; `app.schemas.evidence.SearchEvidence` names its parts.
    """
    plan, request = job["plan"], job["request"]
    tolerance = float(request.get("tolerance") or 0.05)
    done = {t["position"]: t for t in job["trials"] if t["state"] == "done"}
    folds = int(request.get("folds") or 1)
    witnesses = [w for position in sorted(done) for w in _witnesses(done[position], folds)]
    evidence, quantile = _class_evidence(plan, done, witnesses, tolerance)
    learned = any(w.informed for w in witnesses)
    verdicts = {
        p: verdict([evidence[c] for c in plan["nodes"][p]["classes"]], tolerance, quantile, learned) for p in done
    }
    terms = {p: _terms(plan, p, done, evidence, learned) for p in done}
    positions = sorted(done)
    probabilities = dict(zip(positions, posterior([terms[p].score() for p in positions]), strict=True)) if done else {}
    weights = request.get("weights") or {}
    order = sorted(positions, key=lambda p: (-round(terms[p].score(weights), 9), -float(plan["nodes"][p]["bits"]), p))
    sure = confidence(list(probabilities.values())) if done else None
    rows = [
        _row(plan, done[p], verdicts[p], terms[p], weights, probabilities[p], rank, evidence)
        for rank, p in enumerate(order, start=1)
    ]
    warnings = _warnings(plan, done, job["trials"], witnesses, learned) + _not_told_apart(plan, verdicts, probabilities)
    best = _best(plan, order[0], verdicts, probabilities, sure) if order else None
    return {
        "best": best,
        "confidence": sure,
        "summary": _summary(plan, order, verdicts, probabilities, evidence, learned),
        "warnings": warnings,
        "rows": rows,
        "elements": [_element(c, e) for c, e in zip(plan["classes"], evidence, strict=True)],
        "evidence": {"stopping": saved([done[p] for p in positions])},
    }


def _witnesses(trial: dict[str, Any], folds: int) -> list[Witness]:
    """The witnesses of one trial; `folds` as asked for, where the trial does not say how many there were."""
    if not trial["metrics"]["witnesses"]:
        return []
    base, constant, excess, cluster = (np.load(trial["arrays"][f"{name}.npy"], allow_pickle=False) for name in _FILES)
    metrics = trial["metrics"]
    names = metrics["witnesses"]
    shares = metrics.get("validation_shares") or [None] * len(names)
    dependence = CROSS_FITTED if int(metrics.get("folds") or folds) > 1 else 1.0
    return [
        Witness(
            name=name if k == 0 else f"{names[0]}, {name}",
            base=base[k].astype(float),
            constant=constant[k].astype(float),
            excess=excess[k].astype(float),
            cluster=cluster,
            share=shares[k],
            dependence=dependence,
        )
        for k, name in enumerate(names)
    ]


def _class_evidence(
    plan: dict[str, Any], done: dict[int, dict[str, Any]], witnesses: list[Witness], tolerance: float
) -> tuple[list[ClassEvidence], float]:
    """What is known of every class, and the standard errors at which upper bounds hold for all of them at once."""
    count = len(plan["classes"])
    supports = next((t["metrics"]["support"] for _, t in sorted(done.items()) if "support" in t["metrics"]), None)
    contrasts = [contrast(witnesses, c) for c in range(count)]
    found = [UNKNOWN if c is None else c.defect() for c in contrasts]
    statuses = ["unclear"] * count
    if supports:
        known = zip(plan["classes"], supports, found, strict=True)
        statuses = [_status(planned, shown, f, tolerance) for planned, shown, f in known]
    tested = {i: c for i, c in enumerate(contrasts) if c is not None and statuses[i] != "not_shown"}
    adjusted, quantile = dict.fromkeys(range(count), 1.0), 0.0
    if tested:
        chance = flips(list(tested.values()))
        quantile = critical_value(chance, [found[i] for i in tested])
        adjusted |= dict(zip(tested, adjusted_p_values(chance, list(tested.values()), tolerance), strict=True))
    evidence = [
        ClassEvidence(
            element=c["element"],
            title=c["title"],
            defect=found[i],
            support=statuses[i],
            p_value=tested[i].p_value(tolerance) if i in tested else 1.0,
            p_adjusted=adjusted[i],
            log2_bayes_factor=0.0 if statuses[i] == "not_shown" else log2_bayes_factor(found[i], tolerance),
            support_p_value=supports[i]["p_value"] if supports else None,
        )
        for i, c in enumerate(plan["classes"])
    ]
    return evidence, quantile


def _status(planned: dict[str, Any], shown: dict[str, Any], found: Defect, tolerance: float) -> str:
    """Whether the data shows the moved samples well enough for a defect to be held against the element.

    No data has every size: a change of scale moves samples to sizes that are rarer, where a higher loss proves nothing
    about the labels. There a small defect counts, a large one leaves the element untested.
    """
    matrix = planned["matrix"] if planned["interpolated"] else None
    scales = matrix is not None and abs(abs(float(np.linalg.det(matrix))) - 1.0) > 1e-6
    if scales and shown["p_value"] < _UNEVEN and found.upper(LEVEL) > tolerance:
        return "not_shown"
    return str(shown["status"])


def _terms(
    plan: dict[str, Any], position: int, done: dict[int, dict[str, Any]], evidence: list[ClassEvidence], learned: bool
) -> Terms:
    node = plan["nodes"][position]
    mixed = len({n["translations"] for n in plan["nodes"]}) > 1
    complexity = complexity_term(float(node["bits"]), mixed and bool(node["translations"]))
    if not learned:
        return Terms(0.0, 0.0, complexity)
    kernel = None
    base = min(done)
    if all("log2_evidence" in t["metrics"] for t in done.values()) and is_trivial(plan["nodes"][base]["spec"]):
        kernel = done[position]["metrics"]["log2_evidence"] - done[base]["metrics"]["log2_evidence"]
    # A candidate that was spared its training is given the accuracy of the one that knows no symmetry.
    trained = done[base] if "spared" in done[position]["metrics"] else done[position]
    return Terms(
        accuracy_term(trained["metrics"].get("gain_bits")),
        consistency_term([evidence[c].log2_bayes_factor for c in node["classes"]], kernel),
        complexity,
    )


def _row(
    plan: dict[str, Any],
    trial: dict[str, Any],
    found: Verdict,
    terms: Terms,
    weights: dict[str, float],
    probability: float,
    rank: int,
    evidence: list[ClassEvidence],
) -> dict[str, Any]:
    node, metrics = plan["nodes"][trial["position"]], trial["metrics"]
    members = [evidence[c] for c in node["classes"] if evidence[c].defect.known]
    worst = max(members, key=lambda m: m.defect.value, default=None)
    nothing_to_fail = {"value": 0.0, "low": 0.0, "high": 0.0}
    own = _interval(worst.defect) if worst else _interval(UNKNOWN) if node["classes"] else nothing_to_fail
    copied = (
        "accuracy",
        "r2",
        "loss_bits",
        "gain_bits",
        "equivariance_error",
        "parameters",
        "flops",
        "fields",
        "epochs",
        "spared",
    )
    return {
        "position": trial["position"],
        "rank": rank,
        "verdict": found.name,
        "posterior": probability,
        "score": terms.score(weights),
        "evidence": {
            "name": node["name"],
            "title": node["title"],
            "translations": node["translations"],
            "reason": found.reason,
            "more_data_factor": found.factor,
            "accuracy_term": terms.accuracy,
            "consistency_term": terms.consistency,
            "complexity_term": terms.complexity,
            "consistency": None if own["value"] is None else 1.0 - own["value"],
            "defect": {**own, "element": worst.element if worst else None},
            **{key: metrics[key] for key in copied if key in metrics},
        },
    }


def _interval(found: Defect) -> dict[str, float | None]:
    if not found.known:
        return {"value": None, "low": None, "high": None}
    low, high = found.interval()
    return {"value": found.value, "low": low, "high": high}


def _element(planned: dict[str, Any], found: ClassEvidence) -> dict[str, Any]:
    return {
        **{
            key: planned[key]
            for key in ("element", "title", "angle_degrees", "matrix", "permutation", "order", "in_groups")
        },
        "defect": _interval(found.defect),
        "p_value": found.p_value if found.defect.known else None,
        "p_holm": found.p_adjusted if found.defect.known else None,
        "p_adjusted": found.p_adjusted if found.defect.known else None,
        "log10_bayes_factor": found.log2_bayes_factor * math.log10(2.0),
        "learned_share": found.defect.learned,
        "refuted": found.refuted,
        "witnesses": list(found.defect.witnesses),
        "support": {"status": found.support, "p_value": found.support_p_value},
    }


def _best(
    plan: dict[str, Any],
    position: int,
    verdicts: dict[int, Verdict],
    probabilities: dict[int, float],
    sure: float | None,
) -> dict[str, Any]:
    node = plan["nodes"][position]
    return {
        "group": node["group"],
        "labels": node["labels"],
        "translations": node["translations"],
        "posterior": probabilities[position],
        "confidence": sure,
        "verdict": verdicts[position].name,
        "position": position,
    }


def _summary(
    plan: dict[str, Any],
    order: list[int],
    verdicts: dict[int, Verdict],
    probabilities: dict[int, float],
    evidence: list[ClassEvidence],
    learned: bool,
) -> str:
    """The answer in words."""
    if not order:
        return "No candidate's network could be trained, so nothing can be said."
    if not learned:
        return (
            "No symmetry can be named: no network predicts these labels better than a constant. "
            "More samples, or labels that depend on x, are needed."
        )
    node, found = plan["nodes"][order[0]], verdicts[order[0]]
    sure = f"posterior {probabilities[order[0]]:.2f}, {found.name}"
    if is_trivial(node["spec"]):
        text = f"None of the candidate symmetries is supported; {node['title']} fits best ({sure})"
        refuted = [e for e in evidence if e.refuted]
        if refuted:
            worst = max(refuted, key=lambda e: e.defect.value)
            text += f". Most clearly against: {worst.title}"
        return text + "."
    text = (
        f"The symmetry of this data is best described by {node['name']}: {node['title']} ({sure}). {_sentence(found)}"
    )
    rivals = [p for p in order[1:] if probabilities[p] > 0.2 * probabilities[order[0]]]
    if rivals:
        text += " Not told apart from it: " + ", ".join(str(plan["nodes"][p]["name"]) for p in rivals[:3]) + "."
    return text


def _sentence(found: Verdict) -> str:
    return found.reason[:1].upper() + found.reason[1:] + "."


def _not_told_apart(plan: dict[str, Any], verdicts: dict[int, Verdict], probabilities: dict[int, float]) -> list[str]:
    """A warning that names the certified groups between which the data does not choose, such as C8, C16 and SO(2)."""
    certified = [p for p in sorted(verdicts) if verdicts[p].name == "certified"]
    best = max((probabilities[p] for p in certified), default=0.0)
    close = [p for p in certified if probabilities[p] * _RIVALS >= best]
    if len(close) < 2:
        return []
    names = ", ".join(str(plan["nodes"][p]["name"]) for p in close)
    return [f"not told apart: {names} are all certified, their posteriors within a factor of {_RIVALS:.0f}"]


def _warnings(
    plan: dict[str, Any],
    done: dict[int, dict[str, Any]],
    trials: list[dict[str, Any]],
    witnesses: list[Witness],
    learned: bool,
) -> list[str]:
    warnings = list(plan["warnings"])
    lost = [str(plan["nodes"][t["position"]]["name"]) for t in trials if t["state"] != "done"]
    if lost:
        warnings.append(f"not ranked, because their networks were not trained: {', '.join(lost)}")
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
        if placed[0].gain[0] > 1.25 * max(w.gain[0] for w in others) + 0.02:
            warnings.append(
                "a network that knows where things are predicts clearly better than those that do not: translations "
                'may be no symmetry here; compare groups about the centre, {"group": ..., "translations": false}'
            )
    if plan["classes"] and not learned:
        warnings.append("no witness beats the best constant predictor by three standard errors")
    return warnings
