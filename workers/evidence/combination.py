"""Two kinds of evidence for one group, weighed into bits: what moving samples costs, and what imposing the group does.

Both kinds weigh the same data, so neither counts in full, and element classes of one group are no independent trials.
The weights were fitted by maximum likelihood of the planted group (conditional logit over the lattice, with the other
terms of the score as they are) on random vector tasks with kernel witnesses:

    python -m benchmarks.evidence.fit_combination --tasks 366
    python -m benchmarks.evidence.fit_combination --kind images --tasks 90 --keep FOLDER

which draw seeds 10000 and on of `benchmarks.evidence.vectors` and of `benchmarks.evidence.image_tasks` and print them;
other seeds judge them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["regression", "classes", "features", "patches", "none"]


@dataclass(frozen=True)
class Weights:
    """Of log2 evidence for what imposing the group gives (`kernel`), of bits for the elements (`silence`: no witness
    objects) and of bits against them; on images, where `kernel` weighs read-outs of features, of what patches say
    (`patches`). `pays`: whether what imposing gains pays for the group's complexity first.
    `faint`: the chance that a larger group than the true one holds so nearly that imposing it does not show; `nearly`:
    the same for patches, where such breaks are looked for."""

    kernel: float
    silence: float
    objection: float
    pays: bool = True
    faint: float = 0.0
    patches: float = 0.0
    nearly: float = 0.0


REGRESSION = Weights(kernel=0.76, silence=0.24, objection=0.55)
CLASSES = Weights(kernel=0.32, silence=1.07, objection=0.26)
ORBITS_ALONE = Weights(kernel=0.0, silence=1.23, objection=0.73)
# Images: read-outs of features; or no evidence of that kind.
FEATURES = Weights(kernel=0.47, silence=0.84, objection=0.36, pays=False, faint=0.014)
PATCHES = Weights(kernel=0.14, silence=0.73, objection=0.33, pays=False, faint=0.014, patches=0.63, nearly=0.2)
IMAGES_ALONE = Weights(kernel=0.0, silence=1.79, objection=0.68)


def consistency(
    element_bits: Sequence[float],
    complexity: float,
    imposed_bits: float | None,
    weights: Weights,
    trust: float = 1.0,
    patch_bits: float = 0.0,
) -> float:
    """Evidence for a group, in bits, from the log2 Bayes factors of its element classes and what imposing it gives.

        kernel * k + min(complexity, max(k, 0)) + silence * rank * mean of max(b, 0) + objection * sum of min(b, 0)

    `complexity`: bits to name an element, for a listed group log2 of its order. A group has few generators and many
    elements, and where the generators hold so do the others: what speaks for the elements counts once for each of at
    most `rank` = min(complexity, classes) generators. Every objection counts. k = trust * imposed_bits; what imposing
    the group gains pays for its complexity first (the second term, where the weights say so): a marginal likelihood
    over functions of x has weighed simplicity already. `imposed_bits`: log2 of the evidence for the group over that for
    the trivial one; None: missing, and left out. `trust`, from 0 to 1: the share of what the best witness learned that
    the Gaussian process learned too. On images `patches` * `patch_bits` comes to it, what processes on patches say,
    which is trusted as far already.
    """
    k = 0.0 if imposed_bits is None else trust * imposed_bits
    imposed = weights.kernel * k + (min(complexity, max(k, 0.0)) if weights.pays else 0.0)
    imposed += weights.patches * patch_bits
    if not element_bits:
        return imposed
    rank = min(complexity, float(len(element_bits)))
    silence = sum(max(b, 0.0) for b in element_bits) / len(element_bits)
    objections = sum(min(b, 0.0) for b in element_bits)
    return imposed + weights.silence * rank * silence + weights.objection * objections


def or_nearly(bits: Mapping[int, float], above: Sequence[Collection[int]], chance: float) -> dict[int, float]:
    """Bits of what imposing each group does, if a group may also be what is left of a larger one that holds nearly.

    By position: log2 of (1 - chance) 2^k + chance * mean of 2^k over the groups above (`above[position]`). Averaging
    over a group that is broken faintly smooths away more noise than signal unless samples are very many: that a group
    gains most does not rule out its subgroups: it speaks against one by at most log2 (number above it / chance) bits.
    """
    found = {}
    for position, own in bits.items():
        larger = [bits[p] for p in above[position] if p in bits]
        if not larger or chance <= 0.0:
            found[position] = own
            continue
        nearly = float(np.logaddexp2.reduce(larger)) - np.log2(len(larger))
        found[position] = float(np.logaddexp2(np.log2(1.0 - chance) + own, np.log2(chance) + nearly))
    return found


def or_broken(own: float, broken: Sequence[float], chance: float) -> float:
    """Bits for a group if it may also be what is left of one of larger ones, each weighed together with its break.

    log2 of (1 - chance) 2^own + chance * mean of 2^broken; `own` where no larger group was weighed so.
    """
    if not broken or chance <= 0.0:
        return own
    left = float(np.logaddexp2.reduce(broken)) - np.log2(len(broken))
    return float(np.logaddexp2(np.log2(1.0 - chance) + own, np.log2(chance) + left))


def weights_for(kind: Kind, *, images: bool = False) -> Weights:
    """The fitted weights, by what is known of imposing the groups: kernel evidence of regressions or classes, read-outs
    of features, or nothing."""
    if kind == "none":
        return IMAGES_ALONE if images else ORBITS_ALONE
    return {"regression": REGRESSION, "classes": CLASSES, "features": FEATURES, "patches": PATCHES}[kind]


def kernel_trust(metrics: Iterable[dict[str, Any]]) -> float:
    """How far kernel evidence counts: what the best Gaussian process learned over what the best witness did, at most 1.

    From the trials' `validation_shares`, shares of the best constant's loss. 1 where no process testified.
    """
    named = _shares(metrics)
    best = max((share for _, share in named), default=0.0)
    processes = [share for name, share in named if name == "kernel"]
    if not processes or best <= 0.0:
        return 1.0
    return float(max(0.0, *processes) / best)


def patch_trust(share: float, metrics: Iterable[dict[str, Any]]) -> float:
    """How far what patches say counts: the `share` they explain over what the best witness learned, at most 1."""
    best = max((learned for _, learned in _shares(metrics)), default=0.0)
    return float(share > 0.0) if best <= 0.0 else min(max(share, 0.0) / best, 1.0)


def _shares(metrics: Iterable[dict[str, Any]]) -> list[tuple[str, float]]:
    """The witnesses of trials, and what each learned."""
    return [
        (name, share)
        for m in metrics
        for name, share in zip(m["witnesses"], m.get("validation_shares") or [], strict=False)
        if share is not None
    ]


def kernel_signal(metrics: Sequence[dict[str, Any]]) -> bool:
    """Whether the process of greatest evidence takes less than nine tenths of the targets' variance for noise.

    Without signal larger groups gain a bit or two, since averaged functions are smoother: no evidence for them.
    """
    best = max(metrics, key=lambda m: float(m["log2_evidence"]))
    return bool(best.get("kernel_noise", 0.0) < 0.9)
