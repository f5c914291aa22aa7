"""The spectra of a search: from what a trial measured to answers, warnings, and evidence against continuous groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from workers.evidence.mirrors import read_mirrors
from workers.evidence.orbits import CROSS_FITTED, Defect, beats_constant
from workers.evidence.posterior import log2_bayes_factor
from workers.evidence.spectrum import (
    Answer,
    Band,
    Curve,
    band,
    read_centres,
    read_scales,
    read_turns,
)
from workers.evidence.verdicts import ClassEvidence
from workers.folds import Array

_READINGS: dict[str, Callable[[Curve, Band], Answer]] = {
    "turns": read_turns,
    "mirrors": read_mirrors,
    "scales": read_scales,
    "centres": read_centres,
}
_HOLDS = {"turns": ("SO(2)", "O(2)", "SIM(2)", "SO(n)", "O(n)"), "mirrors": ("O(2)", "O(n)"), "scales": ()}

_WIDE = 15.0  # degrees; on smooth data every small turn is harmless


@dataclass(frozen=True)
class Spectrum:
    """One curve with what was read from it; `about` is the trial's description of it, `learned` the witness's share."""

    about: dict[str, Any]
    curve: Curve
    band: Band
    answer: Answer
    learned: float

    def as_json(self) -> dict[str, Any]:
        """The curve for `SearchEvidence.spectrum`."""
        reach = self.answer.reach
        return {
            **{key: self.about[key] for key in ("kind", "coordinates", "labels", "at", "shown")},
            "offsets": self.about.get("offsets"),
            "defect": [
                {"value": float(v), "low": float(low), "high": float(high)}
                for v, low, high in zip(self.band.value, self.band.low, self.band.high, strict=True)
            ],
            "state": list(self.band.state),
            "groups_supported": list(self.answer.supported),
            "not_told_apart": list(self.answer.not_told_apart),
            "reach": None if reach is None else {"within": reach[0], "refuted_from": reach[1]},
            "between": [
                {"at": at, "low": _finite(low), "high": _finite(high)} for at, low, high in self.answer.between
            ],
            "sentence": self.answer.sentence,
        }

    def lies_in(self, spec: dict[str, Any]) -> bool:
        """Whether the elements of the curve are elements of this group, a continuous one."""
        if spec["kind"] != "family" or spec["family"] not in _HOLDS.get(self.about["kind"], ()):
            return False
        if spec.get("vectors") and [c for v in spec["vectors"] for c in v[:2]] != self.about["coordinates"]:
            return False
        moved = spec["labels"] if spec["labels"] == "vector" or self.about["kind"] == "mirrors" else "trivial"
        return bool({"sign": "moved"}.get(moved, moved) == self.about["labels"])

    def against(self, spec: dict[str, Any], families: int) -> ClassEvidence | None:
        """The element of the curve that speaks most clearly against a continuous group, where it lies in it and one
        does. `families`: how many families of tests share the level (see `families_of`)."""
        refuted = self.band.where("refuted")
        if not self.lies_in(spec) or not refuted.any():
            return None
        worst = int(np.argmax(np.where(refuted, self.band.low, -np.inf)))
        at, freedom = float(self.curve.at[worst]), len(np.unique(self.curve.cluster)) - 1
        value, error = float(self.band.value[worst]), float(self.band.error[worst])
        found = Defect(value, error, freedom, self.learned, ("spectrum",))
        turn = self.about["kind"] == "turns"
        alone = float(stats.t.sf((value - self.about["tolerance"]) / error, freedom))
        return ClassEvidence(
            element=f"r{at:.4g}" if turn else f"m@{at:.4g}",
            title=f"rotation by {at:.4g}°" if turn else f"mirror with its axis at {at:.4g}°",
            defect=found,
            support="shown",
            p_value=alone,
            p_adjusted=min(1.0, families * max(alone, float(self.band.p_value[worst]))),
            log2_bayes_factor=min(log2_bayes_factor(found, self.about["tolerance"]), 0.0),
        )

    @property
    def warning(self) -> str | None:
        """A sentence where the answer is none of the groups that a search ranks, or not one of them alone."""
        said = self.answer
        partial = said.reach is not None and self.about["kind"] == "turns" and _WIDE <= said.reach[0] < 180.0
        if not (said.between or said.not_told_apart or partial):
            return None
        coordinates = self.about["kind"] == "centres" and "offsets" not in self.about
        where = "" if not coordinates else f" of x{', x'.join(map(str, self.about['coordinates']))}"
        return f"over {self.about['kind']}{where}: {said.sentence}"


def found_curves(done: dict[int, dict[str, Any]]) -> list[tuple[dict[str, Any], Curve, float]]:
    """Every curve that a finished trial measured and whose witness has learned something: (what the trial says about
    it, the curve, the share of the best constant's loss that was learned).

    Where two trials measured the same curve, as T and E do, the witness that learned more, by the validation samples
    of its training folds, is heard.
    """
    found: dict[tuple[Any, ...], tuple[dict[str, Any], Curve, float]] = {}
    standing: dict[tuple[Any, ...], float] = {}
    for _, trial in sorted(done.items()):
        described = trial["metrics"].get("spectrum", {}).get("curves")
        if not described:
            continue
        arrays = {name: np.load(trial["arrays"][f"{name}.npy"], allow_pickle=False) for name in _ARRAYS}
        rows = arrays["spectrum_rows"]
        constant, base = arrays["constant"][0, rows].astype(float), arrays["base"][0, rows].astype(float)
        start = 0
        for about in described:
            excess = arrays["spectrum"][start : start + len(about["at"])].astype(float)
            start += len(about["at"])
            dependence = CROSS_FITTED if int(trial["metrics"]["folds"]) > 1 else 1.0
            curve = _curve(about, excess, constant - base, arrays["cluster"][rows], dependence)
            if beats_constant(curve.gains, float(constant.mean()), curve.cluster):
                learned = float(curve.gains.mean() / max(constant.mean(), 1e-12))
                key = (about["kind"], tuple(about["coordinates"]), about["labels"])
                share = (trial["metrics"].get("validation_shares") or [learned])[0]
                if key not in found or share > standing[key]:
                    found[key], standing[key] = (about, curve, learned), share
    return list(found.values())


def spectra_at(curves: list[tuple[dict[str, Any], Curve, float]], tolerance: float) -> list[Spectrum]:
    """The curves read at a tolerance."""
    spectra = []
    for about, curve, learned in curves:
        judged = band(curve, tolerance)
        said = _READINGS[curve.kind](curve, judged)
        spectra.append(Spectrum({**about, "tolerance": tolerance}, curve, judged, said, learned))
    return spectra


def families_of(spectra: list[Spectrum], specs: Iterable[dict[str, Any]]) -> int:
    """How many families of tests can refute these groups: the classes of the plan, and every curve that lies in one.

    Each family has p-values that hold for all of its own elements; times this number they hold for all (Bonferroni).
    """
    known = list(specs)
    return 1 + sum(any(s.lies_in(spec) for spec in known) for s in spectra)


def refuting(spectra: list[Spectrum], spec: dict[str, Any], families: int) -> list[ClassEvidence]:
    """The elements between the probes of a continuous group that speak against it."""
    return [found for s in spectra if (found := s.against(spec, families)) is not None]


def between_in_words(spectra: list[Spectrum]) -> str:
    """Sentences about mirrors and centres that no candidate has; empty where none was found."""
    said = [s.answer.sentence for s in spectra if s.answer.between]
    return "".join(f" {text[:1].upper()}{text[1:]}." for text in said)


_ARRAYS = ("spectrum", "spectrum_rows", "base", "constant", "cluster")


def _curve(about: dict[str, Any], excess: Array, gains: Array, cluster: Array, dependence: float) -> Curve:
    at = np.asarray(about["at"])
    fixed = about["shown"], about["named"], about["towards"]
    placed = about.get("offsets", ()), about.get("element", "")
    return Curve(about["kind"], at, excess, gains, cluster, *fixed, dependence, *placed)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
