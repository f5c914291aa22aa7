"""From the trials of a search to its answer: verdicts, posterior, scores, ranks, and a sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workers.evidence.combination import consistency, or_broken
from workers.evidence.curves import Spectrum, between_in_words, families_of, found_curves, refuting, spectra_at
from workers.evidence.decision import TOLERANCES, Decision, MoreData, closure_warnings, more_data, sweep_step
from workers.evidence.duplicates import duplicate_warnings
from workers.evidence.findings import Findings, findings
from workers.evidence.laws import element_laws, search_laws
from workers.evidence.orbits import CROSS_FITTED, Witness
from workers.evidence.posterior import confidence, posterior
from workers.evidence.verdicts import ClassEvidence, verdict
from workers.imposing import Imposed, Paired, imposed, paired_losses
from workers.label_report import found_actions, with_label_actions
from workers.scoring import Terms, accuracy_term, complexity_term
from workers.sentences import not_told_apart, summary, warnings_of
from workers.stopping import saved
from workers.worth import add_worth, search_worth, worth_in_words

_FILES = ("base", "constant", "excess", "cluster")
_UNTESTED: dict[str, float | None] = {"value": None, "low": None, "high": None, "bound": None}


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
    supports = next((t["metrics"]["support"] for _, t in sorted(done.items()) if "support" in t["metrics"]), None)
    found = findings(plan, supports, witnesses)
    curves = found_curves(done)
    spectra = spectra_at(curves, tolerance)
    weights = request.get("weights") or {}
    decided, terms = _decide(plan, done, found, spectra, tolerance, weights)
    paired = paired_losses(plan, done)
    more = more_data(plan, decided) if done else None
    sure = confidence(list(decided.probabilities.values())) if done else None
    rows = [
        _row(plan, done[p], decided, terms[p], weights, paired.get(p), rank)
        for rank, p in enumerate(decided.order, start=1)
    ]
    worth = search_worth(plan, done, found.learned)
    add_worth(rows, worth)
    duplicates = next((t["metrics"]["duplicates"] for t in done.values() if "duplicates" in t["metrics"]), None)
    warnings = [
        *warnings_of(plan, done, job["trials"], witnesses, found.learned),
        *not_told_apart(plan, decided),
        *closure_warnings(plan, decided),
        *(s.warning for s in spectra if s.warning),
        *duplicate_warnings(duplicates),
    ]
    best = _best(plan, decided, sure) if done else None
    names = job["dataset"].get("class_names") if "dataset" in job else None
    metrics = [t["metrics"] for _, t in sorted(done.items())]
    laws = element_laws(metrics, decided.evidence, decided.quantile, tolerance)
    return {
        "best": best,
        "confidence": sure,
        "summary": summary(plan, decided, more)
        + between_in_words(spectra)
        + worth_in_words(plan, worth, decided.order),
        "warnings": warnings,
        "rows": with_label_actions(plan, rows, names),
        "elements": [
            _element(c, e, decided.quantile, law)
            for c, e, law in zip(plan["classes"], decided.evidence, laws, strict=True)
        ],
        "evidence": {
            "spectrum": [s.as_json() for s in spectra] or None,
            "stopping": saved([done[p] for p in sorted(done)]),
            "prior": _prior(plan, done),
            "tolerance_sweep": [
                sweep_step(plan, _decide(plan, done, found, spectra_at(curves, t), t, weights)[0])
                for t in sorted({*TOLERANCES, tolerance})
                if done
            ],
            "more_data": _more_data(plan, more),
            "worth": worth,
            "label_actions": found_actions(plan, names),
            "laws": search_laws(plan, laws),
            "duplicates": duplicates,
        },
    }


def _decide(
    plan: dict[str, Any],
    done: dict[int, dict[str, Any]],
    found: Findings,
    spectra: list[Spectrum],
    tolerance: float,
    weights: dict[str, float],
) -> tuple[Decision, dict[int, Terms]]:
    """Verdicts, posterior and order of the candidates at a tolerance; their terms by position."""
    evidence, quantile = found.at(tolerance, families_of(spectra, (n["spec"] for n in plan["nodes"])))
    positions = sorted(done)
    members = _members(plan, done, evidence, spectra)
    imposing = imposed(plan, done, evidence)
    terms = {p: _terms(plan, p, done, members, found.learned, imposing) for p in positions}
    probabilities = posterior([terms[p].score() for p in positions]) if done else []
    decision = Decision(
        tolerance=tolerance,
        evidence=evidence,
        quantile=quantile,
        learned=found.learned,
        verdicts={p: verdict(members[p], tolerance, quantile, found.learned) for p in positions},
        probabilities=dict(zip(positions, probabilities, strict=True)),
        order=sorted(
            positions, key=lambda p: (-round(terms[p].score(weights), 9), -float(plan["nodes"][p]["bits"]), p)
        ),
    )
    return decision, terms


def _members(
    plan: dict[str, Any], done: dict[int, dict[str, Any]], evidence: list[ClassEvidence], spectra: list[Spectrum]
) -> dict[int, list[ClassEvidence]]:
    """The evidence on each candidate: its classes and, for a continuous group, what refutes it between its probes."""
    nodes = {p: plan["nodes"][p] for p in done}
    families = families_of(spectra, (n["spec"] for n in plan["nodes"]))
    return {p: [evidence[c] for c in n["classes"]] + refuting(spectra, n["spec"], families) for p, n in nodes.items()}


def _prior(plan: dict[str, Any], done: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The probability of each candidate before the data is looked at: 2^-complexity, over all that are ranked."""
    positions = sorted(done)
    if not done:
        return []
    chances = posterior([-_complexity(plan, p) for p in positions])
    return [
        {"group": plan["nodes"][p]["name"], "bits": _complexity(plan, p), "probability": chance}
        for p, chance in zip(positions, chances, strict=True)
    ]


def _complexity(plan: dict[str, Any], position: int) -> float:
    node = plan["nodes"][position]
    mixed = len({n["translations"] for n in plan["nodes"]}) > 1
    return complexity_term(float(node["bits"]), mixed and bool(node["translations"]))


def _more_data(plan: dict[str, Any], more: MoreData | None) -> dict[str, Any] | None:
    if more is None:
        return None
    return {"rival": plan["nodes"][more.rival]["name"], "factor": more.factor, "element": more.element}


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


def _terms(
    plan: dict[str, Any],
    position: int,
    done: dict[int, dict[str, Any]],
    members: dict[int, list[ClassEvidence]],
    learned: bool,
    imposing: Imposed,
) -> Terms:
    heard = learned or imposing.unlearned
    trust = imposing.trust if learned else 1.0

    def consistent(at: int, patches: float) -> float:
        elements = [m.log2_bayes_factor for m in members[at]] if learned else []
        bits = imposing.of(at) if heard else None
        return consistency(elements, _complexity(plan, at), bits, imposing.weights, trust, patches)

    # Of what is left of a larger group all but its break looks as if that group held, and it is named beside it.
    patches, complexity = imposing.patches, _complexity(plan, position)
    own = consistent(position, patches[position] if patches else 0.0)
    broken = [
        consistent(larger, bits) - (_complexity(plan, larger) - complexity)
        for larger, bits in imposing.broken.get(position, {}).items()
    ]
    # A candidate that was spared its training is given the accuracy of the one that knows no symmetry.
    trained = done[min(done)] if "spared" in done[position]["metrics"] else done[position]
    return Terms(
        accuracy_term(trained["metrics"].get("gain_bits")) if learned else 0.0,
        or_broken(own, broken, imposing.chance),
        complexity,
        imposing.of(position) if heard else None,
        imposing.seen(position),
    )


def _row(
    plan: dict[str, Any],
    trial: dict[str, Any],
    decided: Decision,
    terms: Terms,
    weights: dict[str, float],
    paired: Paired | None,
    rank: int,
) -> dict[str, Any]:
    node, metrics, found = plan["nodes"][trial["position"]], trial["metrics"], decided.verdicts[trial["position"]]
    members = [decided.evidence[c] for c in node["classes"] if decided.evidence[c].defect.known]
    worst = max(members, key=lambda m: m.defect.value, default=None)
    nothing_to_fail = {"value": 0.0, "low": 0.0, "high": 0.0, "bound": 0.0}
    own = _defect(worst, decided.quantile) if worst else dict(_UNTESTED) if node["classes"] else nothing_to_fail
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
        "posterior": decided.probabilities[trial["position"]],
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
            "imposed_bits": terms.imposed,
            "patch_bits": terms.patches,
            "paired_loss": None if paired is None else paired.as_json(),
            "consistency": None if own["value"] is None else 1.0 - own["value"],
            "defect": {**own, "element": worst.element if worst else None},
            **{key: metrics[key] for key in copied if key in metrics},
        },
    }


def _defect(found: ClassEvidence, quantile: float) -> dict[str, float | None]:
    """The defect with its own interval, and the bound for all at once where the element is one of those tested."""
    if not found.defect.known:
        return dict(_UNTESTED)
    low, high = found.defect.interval()
    bound = None if found.support == "not_shown" else found.defect.bound(quantile)
    return {"value": found.defect.value, "low": low, "high": high, "bound": bound}


def _element(planned: dict[str, Any], found: ClassEvidence, quantile: float, laws: dict[str, Any]) -> dict[str, Any]:
    return {
        **{
            key: planned[key]
            for key in ("element", "title", "angle_degrees", "matrix", "permutation", "order", "in_groups")
        },
        "defect": _defect(found, quantile),
        "p_value": found.p_value if found.defect.known else None,
        "p_holm": found.p_adjusted if found.defect.known else None,
        "p_adjusted": found.p_adjusted if found.defect.known else None,
        "log10_bayes_factor": found.log2_bayes_factor * math.log10(2.0),
        "learned_share": found.defect.learned,
        "refuted": found.refuted,
        "witnesses": list(found.defect.witnesses),
        "support": {"status": found.support, "p_value": found.support_p_value},
        "laws": laws,
    }


def _best(plan: dict[str, Any], decided: Decision, sure: float | None) -> dict[str, Any]:
    position = decided.order[0]
    node = plan["nodes"][position]
    return {
        "group": node["group"],
        "labels": node["labels"],
        "translations": node["translations"],
        "posterior": decided.probabilities[position],
        "confidence": sure,
        "verdict": decided.verdicts[position].name,
        "position": position,
    }
