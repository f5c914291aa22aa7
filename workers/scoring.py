"""The three criteria of a candidate and its score, in bits.

With the default weights (1, 1, 1) the posterior over the lattice is proportional to 2^score, so the two always agree on
the order. Other weights change the order of the ranking, never the posterior or a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """`accuracy`: held-out bits per sample that the candidate's own network gains over the best constant.
    `consistency`: evidence, in bits, that every element of the group is a symmetry (`workers.evidence.combination`).
    `complexity`: bits of penalty. `imposed`: the part of the consistency's evidence that asks what imposing the group
    does, in bits before it is weighed (`workers.imposing`); None where it is not known. `patches`: what processes on
    patches of images say to that, likewise."""

    accuracy: float
    consistency: float
    complexity: float
    imposed: float | None = None
    patches: float | None = None

    def score(self, weights: dict[str, float] | None = None) -> float:
        """w_a accuracy + w_c consistency - w_k complexity."""
        w = {"accuracy": 1.0, "consistency": 1.0, "complexity": 1.0, **(weights or {})}
        return w["accuracy"] * self.accuracy + w["consistency"] * self.consistency - w["complexity"] * self.complexity


def accuracy_term(gain_bits: float | None) -> float:
    """The gain, between 0 and 4 bits: a network that does worse than a constant says nothing against its group."""
    return min(max(gain_bits or 0.0, 0.0), 4.0)


def complexity_term(bits: float, translations: bool) -> float:
    """Bits to name an element of the group (log2 |G| where it is listed), one more for translations where groups
    without them compete.

    Where nothing speaks for a larger group, this is what keeps it from winning.
    """
    return bits + (1.0 if translations else 0.0)
