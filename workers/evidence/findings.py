"""What all witnesses together found about every element class, read at any tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.evidence.orbits import LEVEL, UNKNOWN, Contrast, Defect, Witness, contrast
from workers.evidence.posterior import log2_bayes_factor
from workers.evidence.simultaneous import Flips, adjusted_p_values, critical_value, flips
from workers.evidence.verdicts import ClassEvidence

_UNEVEN = 1e-3  # p-value of support below which scaled samples lie farther from the data than samples do


@dataclass(frozen=True)
class Findings:
    """For each class of the plan its contrast (None where no witness is heard), its defect and the support of its
    poses (None where none was measured); `chance` has a column for each contrast that there is."""

    classes: list[dict[str, Any]]
    contrasts: list[Contrast | None]
    defects: list[Defect]
    supports: list[dict[str, Any]] | None
    chance: Flips | None
    learned: bool

    def at(self, tolerance: float, families: int = 1) -> tuple[list[ClassEvidence], float]:
        """The evidence on every class at a tolerance, and the standard errors at which bounds hold for all at once.

        Classes whose poses the data does not show are not tested. `families`: how many families of tests share the
        level, these classes being one of them (`workers.evidence.curves.families_of`).
        """
        statuses = [self._status(i, tolerance) for i in range(len(self.classes))]
        heard = [i for i, c in enumerate(self.contrasts) if c is not None]
        tested = {i: c for i, c in enumerate(self.contrasts) if c is not None and statuses[i] != "not_shown"}
        adjusted, quantile = dict.fromkeys(range(len(self.classes)), 1.0), 0.0
        if tested and self.chance is not None:
            chance = self.chance.only([k for k, i in enumerate(heard) if i in tested])
            quantile = critical_value(chance, [self.defects[i] for i in tested])
            stepped = adjusted_p_values(chance, list(tested.values()), tolerance)
            adjusted |= {i: min(1.0, families * p) for i, p in zip(tested, stepped, strict=True)}
        evidence = [
            ClassEvidence(
                element=c["element"],
                title=c["title"],
                defect=self.defects[i],
                support=statuses[i],
                p_value=tested[i].p_value(tolerance) if i in tested else 1.0,
                p_adjusted=adjusted[i],
                log2_bayes_factor=0.0 if statuses[i] == "not_shown" else log2_bayes_factor(self.defects[i], tolerance),
                support_p_value=self.supports[i]["p_value"] if self.supports else None,
            )
            for i, c in enumerate(self.classes)
        ]
        return evidence, quantile

    def _status(self, position: int, tolerance: float) -> str:
        """Whether the data shows the moved samples well enough for a defect to be held against the element.

        No data has every size: a change of scale moves samples to sizes that are rarer, where a higher loss proves
        nothing about the labels. There a small defect counts, a large one leaves the element untested.
        """
        if not self.supports:
            return "unclear"
        planned, shown = self.classes[position], self.supports[position]
        matrix = planned["matrix"] if planned["interpolated"] else None
        scales = matrix is not None and abs(abs(float(np.linalg.det(matrix))) - 1.0) > 1e-6
        uneven = shown["p_value"] is not None and shown["p_value"] < _UNEVEN
        if scales and uneven and self.defects[position].upper(LEVEL) > tolerance:
            return "not_shown"
        return str(shown["status"])


def findings(plan: dict[str, Any], supports: list[dict[str, Any]] | None, witnesses: list[Witness]) -> Findings:
    """Let all witnesses testify about every class of the plan."""
    contrasts = [contrast(witnesses, c) for c in range(len(plan["classes"]))]
    heard = [c for c in contrasts if c is not None]
    return Findings(
        classes=plan["classes"],
        contrasts=contrasts,
        defects=[UNKNOWN if c is None else c.defect() for c in contrasts],
        supports=supports,
        chance=flips(heard) if heard else None,
        learned=any(w.informed for w in witnesses),
    )
