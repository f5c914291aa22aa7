"""Which action on the labels fits a group: found from what a predictor says of moved samples.

For one generator g, `there` are the predictor's outputs on g x and `back` those on g^-1 x: log-probabilities of the
classes, or targets. An action that holds makes f(g x) predict g y, so the action is sought that makes the labels likely
under the moved predictions; it must respect the relations of the group.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from models.groups.finite import FiniteGroup, IntArray, Map, permutation_matrix
from workers.folds import Array
from workers.intervals import mean_and_error

_ALL_UP_TO = 6  # classes: 720 permutations are all looked at, more are searched from the best assignment
_NEIGHBOURS_UP_TO = 12  # classes, for which exchanges of two classes are tried on top
_COMBINATIONS = 4000
_KEPT = 64  # consistent actions that are compared
_SURE = 1.0  # standard errors by which a longer description must fit better than a shorter one


@dataclass(frozen=True)
class Moved:
    """One generator: its index in the group, and the predictor's outputs (n, K) on g x and on g^-1 x."""

    generator: int
    there: Array
    back: Array


@dataclass(frozen=True)
class Action:
    """A map of the labels for each generator: permutations (K,) or matrices (p, p); `better`: how much less loss than
    with labels in place, mean over samples, `error` its standard error."""

    maps: list[Map]
    better: float
    error: float


def permutation_action(group: FiniteGroup, moved: Sequence[Moved], y: IntArray, cluster: IntArray) -> Action:
    """The permutations of the classes that make the labels y (n,) most likely, one for each generator.

    Of the actions whose likelihood is within one standard error of the best, the one that moves the fewest classes.
    `better` is in nats.
    """
    k = moved[0].there.shape[1]
    options = []
    for m in moved:
        likelihood = np.zeros((k, k))  # [c, c']: of c' for samples of class c
        np.add.at(likelihood, y, m.there)
        back = np.zeros((k, k))
        np.add.at(back, y, m.back)
        options.append(_permutations(likelihood + back.T, int(group.element_orders[m.generator])))
    stay = [np.arange(k) for _ in moved]

    def losses(maps: Sequence[Map]) -> Array:
        rows = np.arange(len(y))
        per = [-m.there[rows, p[y]] - m.back[rows, np.argsort(p)[y]] for m, p in zip(moved, maps, strict=True)]
        return np.asarray(np.mean(per, axis=0) / 2)

    def length(maps: Sequence[Map]) -> int:
        return sum(int((p != np.arange(k)).sum()) for p in maps)

    found = itertools.islice(_consistent(group, [m.generator for m in moved], options), _KEPT)
    return _shortest([stay, *found], losses, length, cluster)


def matrix_action(
    group: FiniteGroup, moved: Sequence[Moved], y: Array, cluster: IntArray, natural: Sequence[Sequence[Map]] = ()
) -> Action:
    """The orthogonal maps of targets y (n, p) that predict best, one for each generator; `better` is squared error.

    Tried are signed permutations of the targets, the `natural` actions given, and the orthogonal maps of least squares
    (Procrustes), made into an action by averaging over the group. The shortest description within one standard error
    of the best is taken, in that order.
    """
    p = y.shape[1]
    fits = [m.there.T @ y + (m.back.T @ y).T for m in moved]  # rho fits by trace(rho^T fit)
    orders = [int(group.element_orders[m.generator]) for m in moved]
    generators = [m.generator for m in moved]
    options = [_signed_permutations(fit, order) for fit, order in zip(fits, orders, strict=True)]
    signed = list(itertools.islice(_consistent(group, generators, options), _KEPT))
    free = nearest_action(group, generators, [_polar(fit) for fit in fits])
    listed = [*signed, *map(list, natural), *([free] if free is not None else [])]
    costs = {id(maps): sum(int((np.abs(m - np.eye(p)) > 1e-9).any(0).sum()) for m in maps) for maps in signed}
    costs |= {id(maps): 10 * p for maps in listed[len(signed) : len(signed) + len(natural)]}

    def losses(maps: Sequence[Map]) -> Array:
        per = [
            ((m.there - y @ rho.T) ** 2).mean(1) + ((m.back - y @ rho) ** 2).mean(1)
            for m, rho in zip(moved, maps, strict=True)
        ]
        return np.asarray(np.mean(per, axis=0) / 2)

    stay = [np.eye(p) for _ in moved]
    return _shortest([stay, *listed], losses, lambda maps: 0 if maps is stay else costs.get(id(maps), 100 * p), cluster)


def nearest_action(group: FiniteGroup, generators: Sequence[int], maps: Sequence[Array]) -> list[Map] | None:
    """An orthogonal action of the group near the orthogonal maps of its generators; None where there is none near.

    Each element gets a product of the maps; then rho(g) <- polar(mean over h of rho(g h) rho(h)^T), which converges
    where the relations nearly hold (Grove, Karcher and Ruh 1974).
    """
    p = len(maps[0])
    rho = np.zeros((group.order, p, p))
    rho[0] = np.eye(p)
    seen, queue = {0}, [0]
    for a in queue:
        for g, m in zip(generators, maps, strict=True):
            b = int(group.table[a, g])
            if b not in seen:
                rho[b] = rho[a] @ m
                seen.add(b)
                queue.append(b)
    for _ in range(30):
        rho = np.stack([_polar(np.einsum("hij,hkj->ik", rho[group.table[g]], rho)) for g in range(group.order)])
    found: list[Map] = [rho[g] for g in generators]
    return found if is_action(group, generators, found) else None


def is_action(group: FiniteGroup, generators: Sequence[int], maps: Sequence[Map]) -> bool:
    """Whether the maps of the generators extend to the whole group: equal words have equal maps."""
    permutes = maps[0].dtype.kind == "i"
    images: dict[int, Map] = {0: np.arange(len(maps[0])) if permutes else np.eye(len(maps[0]))}
    queue = [0]
    for a in queue:
        for g, m in zip(generators, maps, strict=True):
            b = int(group.table[a, g])
            image = images[a][m] if permutes else images[a] @ m
            if b not in images:
                images[b] = image
                queue.append(b)
            elif not (np.array_equal(image, images[b]) if permutes else np.allclose(image, images[b], atol=1e-7)):
                return False
    return True


def _shortest(
    listed: Sequence[list[Map]],
    losses: Callable[[Sequence[Map]], Array],
    length: Callable[[Sequence[Map]], int],
    cluster: IntArray,
) -> Action:
    """Of the listed actions, the first of which leaves labels in place, the shortest that fits as well as the best."""
    lost = [losses(maps) for maps in listed]
    best = min(range(len(listed)), key=lambda i: (float(lost[i].mean()), length(listed[i]), i))
    able = []
    for i, loss in enumerate(lost):
        worse, error, _ = mean_and_error(loss - lost[best], cluster)
        if i == best or worse < _SURE * error or worse <= 1e-12:
            able.append((length(listed[i]), float(loss.mean()), i))
    chosen = min(able)[-1]
    better, error, _ = mean_and_error(lost[0] - lost[chosen], cluster)
    return Action(listed[chosen], better, error)


def _consistent(
    group: FiniteGroup, generators: Sequence[int], options: Sequence[list[tuple[float, Map]]]
) -> Iterator[list[Map]]:
    """Choices of one option for each generator that are an action of the group, the best sum of scores first."""
    start = (0,) * len(options)
    heap = [(-sum(o[0][0] for o in options), start)]
    seen = {start}
    for _ in range(_COMBINATIONS):
        if not heap:
            return
        _, chosen = heapq.heappop(heap)
        maps = [o[i][1] for o, i in zip(options, chosen, strict=True)]
        if is_action(group, generators, maps):
            yield maps
        for k in range(len(options)):
            after = (*chosen[:k], chosen[k] + 1, *chosen[k + 1 :])
            if after[k] < len(options[k]) and after not in seen:
                seen.add(after)
                heapq.heappush(heap, (-sum(o[i][0] for o, i in zip(options, after, strict=True)), after))


def _permutations(likelihood: Array, order: int) -> list[tuple[float, Map]]:
    """(log-likelihood, permutation) of the permutations whose `order`-th power is the identity, the likeliest first."""
    k = len(likelihood)
    if k <= _ALL_UP_TO:
        listed = set(itertools.permutations(range(k)))
    else:
        best = linear_sum_assignment(-likelihood)[1]
        even = linear_sum_assignment(-(likelihood + likelihood.T))[1]
        listed = {tuple(range(k))}
        for seed in (best, even):
            broken = _without_long_cycles(seed, order)
            near = {tuple(int(v) for v in broken)} | {_one_cycle_undone(broken, c) for c in range(k)}
            for _ in range(2 if k <= _NEIGHBOURS_UP_TO else 0):
                near |= {_exchanged(q, a, b) for q in near for a, b in itertools.combinations(range(k), 2)}
                near = set(sorted(near, key=lambda q: (-likelihood[np.arange(k), list(q)].sum(), q))[:200])
            listed |= near
    scored = [(float(likelihood[np.arange(k), list(q)].sum()), q) for q in listed if _divides(q, order)]
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return [(score, np.asarray(q, dtype=np.int64)) for score, q in scored[:400]]


def _without_long_cycles(permutation: Map, order: int) -> IntArray:
    """The permutation with every cycle undone whose length does not divide `order`."""
    out = np.arange(len(permutation))
    for c in range(len(permutation)):
        cycle = [c]
        while int(permutation[cycle[-1]]) != c:
            cycle.append(int(permutation[cycle[-1]]))
        if order % len(cycle) == 0:
            out[c] = permutation[c]
    return out


def _one_cycle_undone(permutation: Map, c: int) -> tuple[int, ...]:
    """The permutation with the cycle that holds c undone."""
    out, at = [int(v) for v in permutation], c
    while out[at] != at:
        out[at], at = at, out[at]
    return tuple(out)


def _exchanged(q: tuple[int, ...], a: int, b: int) -> tuple[int, ...]:
    out = list(q)
    out[a], out[b] = out[b], out[a]
    return tuple(out)


def _divides(q: tuple[int, ...], order: int) -> bool:
    """Whether the `order`-th power of a permutation is the identity."""
    return bool((_without_long_cycles(np.asarray(q), order) == q).all())


def _signed_permutations(fit: Array, order: int) -> list[tuple[float, Map]]:
    """(fit, matrix) of signed permutations whose `order`-th power is the identity, the best first.

    All of them for up to three targets; beyond, signs alone, one sign for all, and the best (signed) assignments.
    """
    p = len(fit)
    places: list[tuple[int, ...]] = list(itertools.permutations(range(p))) if p <= 3 else [tuple(range(p))]
    if p > 3:
        for cost in (-fit, -np.abs(fit)):
            rows, columns = linear_sum_assignment(cost)
            places.append(tuple(int(r) for r in rows[np.argsort(columns)]))
    listed: list[Map] = []
    for q in places:
        best = np.where(fit[list(q), np.arange(p)] < 0, -1.0, 1.0)
        signs = itertools.product((1.0, -1.0), repeat=p) if p <= 3 else [best, np.ones(p), -np.ones(p)]
        listed += [permutation_matrix(q) * np.asarray(s) for s in signs]
    kept = [m for m in listed if np.allclose(np.linalg.matrix_power(m, order), np.eye(p))]
    scored = [(float((m * fit).sum()), i) for i, m in enumerate(kept)]
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return [(score, kept[i]) for score, i in scored]


def _polar(matrix: Array) -> Array:
    """The orthogonal matrix nearest to this one."""
    u, _, vt = np.linalg.svd(matrix)
    return np.asarray(u @ vt)
