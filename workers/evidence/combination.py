"""Two kinds of evidence for one group, weighed into bits: what moving samples costs, and what imposing the group does.

Both kinds weigh the same data, so neither counts in full, and element classes of one group are no independent trials.
The weights were fitted by maximum likelihood of the planted group (conditional logit over the lattice, with the other
terms of the score as they are) on random vector tasks with kernel witnesses:

    python -m benchmarks.evidence.fit_combination --tasks 366

which draws seeds 10000 to 10365 of `benchmarks.evidence.vectors` and prints them; other seeds judge them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Weights:
    """Of log2 kernel evidence, of bits for the elements (`silence`: no witness objects) and of bits against them."""

    kernel: float
    silence: float
    objection: float


REGRESSION = Weights(kernel=0.76, silence=0.24, objection=0.55)
CLASSES = Weights(kernel=0.32, silence=1.07, objection=0.26)
ORBITS_ALONE = Weights(kernel=0.0, silence=1.23, objection=0.73)


def consistency(
    element_bits: Sequence[float], complexity: float, kernel_bits: float | None, weights: Weights, trust: float = 1.0
) -> float:
    """Evidence for a group, in bits, from the log2 Bayes factors of its element classes and its kernel evidence.

        kernel * k + min(complexity, max(k, 0)) + silence * rank * mean of max(b, 0) + objection * sum of min(b, 0)

    `complexity`: bits to name an element, for a listed group log2 of its order. A group has few generators and many
    elements, and where the generators hold so do the others: what speaks for the elements counts once for each of at
    most `rank` = min(complexity, classes) generators. Every objection counts. k = trust * kernel_bits; what
    imposing the group gains pays for its complexity first: a marginal likelihood has weighed simplicity already.
    `kernel_bits`: log2 of the evidence for the group over that for the trivial one; None: missing, and left out.
    `trust`, from 0 to 1: the share of what the best witness learned that the Gaussian process learned too.
    """
    k = 0.0 if kernel_bits is None else trust * kernel_bits
    imposed = weights.kernel * k + min(complexity, max(k, 0.0))
    if not element_bits:
        return imposed
    rank = min(complexity, float(len(element_bits)))
    silence = sum(max(b, 0.0) for b in element_bits) / len(element_bits)
    objections = sum(min(b, 0.0) for b in element_bits)
    return imposed + weights.silence * rank * silence + weights.objection * objections


def weights_for(*, kernel: bool, classification: bool) -> Weights:
    """The fitted weights: with kernel evidence for every candidate (regressions, classes) or without."""
    if not kernel:
        return ORBITS_ALONE
    return CLASSES if classification else REGRESSION


def kernel_trust(metrics: Iterable[dict[str, Any]]) -> float:
    """How far kernel evidence counts: what the best Gaussian process learned over what the best witness did, at most 1.

    From the trials' `validation_shares`, shares of the best constant's loss. 1 where no process testified.
    """
    named = [
        (name, share)
        for m in metrics
        for name, share in zip(m["witnesses"], m.get("validation_shares") or [], strict=False)
        if share is not None
    ]
    best = max((share for _, share in named), default=0.0)
    processes = [share for name, share in named if name == "kernel"]
    if not processes or best <= 0.0:
        return 1.0
    return float(max(0.0, *processes) / best)


def kernel_signal(metrics: Sequence[dict[str, Any]]) -> bool:
    """Whether the process of greatest evidence takes less than nine tenths of the targets' variance for noise.

    Without signal larger groups gain a bit or two, since averaged functions are smoother: no evidence for them.
    """
    best = max(metrics, key=lambda m: float(m["log2_evidence"]))
    return bool(best.get("kernel_noise", 0.0) < 0.9)
