"""Two kinds of evidence for one group, weighed into bits: what moving samples costs, and what imposing the group does.

Both kinds weigh the same data, so neither counts in full, and element classes of one group are no independent trials.
The weights were fitted by maximum likelihood of the planted group (conditional logit over the lattice, with the other
terms of the score as they are) on random vector tasks with kernel witnesses:

    python -m benchmarks.evidence.fit_combination --tasks 400

which draws seeds 10000 to 10399 of `benchmarks.evidence.vectors` and prints them; other seeds judge them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Of log2 kernel evidence, of bits for the elements (`silence`: no witness objects) and of bits against them."""

    kernel: float
    silence: float
    objection: float


REGRESSION = Weights(kernel=1.09, silence=0.33, objection=0.2)
CLASSES = Weights(kernel=0.25, silence=2.0, objection=0.2)
ORBITS_ALONE = Weights(kernel=0.0, silence=1.2, objection=0.78)


def consistency(
    element_bits: Sequence[float], bits: float, kernel_bits: float | None, weights: Weights, trust: float = 1.0
) -> float:
    """Evidence for a group, in bits, from the log2 Bayes factors of its element classes and its kernel evidence.

        kernel * trust * kernel_bits + silence * rank * mean of max(b, 0) + objection * sum of min(b, 0)

    `bits`: log2 of the group's order. A group has few generators and many elements, and where the generators hold so
    do the others: bits for the elements count once for each of at most `rank` = min(bits, classes) generators. Every
    objection counts. `kernel_bits`: log2 [p(y | K_G) / p(y | K_trivial)]; None: missing, and left out. `trust`, from 0
    to 1: the share of what the best witness learned that the Gaussian process learned too.
    """
    kernel = 0.0 if kernel_bits is None else weights.kernel * trust * kernel_bits
    if not element_bits:
        return kernel
    rank = min(bits, float(len(element_bits)))
    silence = sum(max(b, 0.0) for b in element_bits) / len(element_bits)
    objections = sum(min(b, 0.0) for b in element_bits)
    return kernel + weights.silence * rank * silence + weights.objection * objections


def weights_for(*, kernel: bool, classification: bool) -> Weights:
    """The fitted weights: with kernel evidence for every candidate (regressions, classes) or without."""
    if not kernel:
        return ORBITS_ALONE
    return CLASSES if classification else REGRESSION
