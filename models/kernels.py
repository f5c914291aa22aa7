"""Gaussian processes whose kernel is averaged over a group: exact evidence for vectors and few samples.

K_G(x, x') = mean over g of k(x, g x') rho(g), rho the group's action on labels, is the covariance of a random function
averaged so that f(g x) = rho(g) f(x); its marginal likelihood weighs fit and simplicity of "f is G-equivariant" in one
number (van der Wilk et al., 2018, arXiv:1808.05563). k is Matern's kernel of smoothness 3/2: on planted functions with
kinks it found the group more often than the squared exponential, on smooth ones as often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from models.actions.scaling import filled, invariant_scaling, spreads
from models.groups.action import ActingGroup, acting_group, from_spec, is_family
from models.groups.finite import FloatArray
from models.groups.planar import MIRROR_X, rotation

LENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times sqrt(d), in standard deviations
NOISES = torch.logspace(-5, 1.5, 14, dtype=torch.float64)  # noise variance over signal variance
_CONSTANT = 1.0  # variance of the unknown constant over that of the function
_TURNS = 64  # of the plane stand for all
_NODES = 64  # of the quadrature over the angle between two vectors
_MAX_ENTRIES = 30_000_000  # numbers in all maps of a group, or in all copies of the samples, together
_CHUNK = 2_000_000  # terms computed at once
_NOTHING = 1e-20  # mean square of a column of zeros, rounded; columns have units near 1
_FAR = 1e6  # squared norm beyond which |a|^2 + |b|^2 - 2 a.b would lose the digits of a small distance


class Kernel(Protocol):
    """Covariances of samples (n, d) float64: blocks of `width` components of y, which lie innermost."""

    width: int

    def prepare(self, b: Tensor) -> Tensor:
        """What `between` needs to know of b, (..., len(b), d)."""
        ...

    def between(self, a: Tensor, prepared: Tensor, length: float) -> Tensor:
        """K_G(a_i, b_j), (len(a) * width, len(b) * width)."""
        ...

    def diagonal(self, a: Tensor, length: float) -> Tensor:
        """The diagonal of K_G(a, a), (len(a) * width,)."""
        ...


@dataclass(frozen=True)
class Evidence:
    """`log_evidence` in nats, averaged over the grid of lengths and noises; the grid point of greatest likelihood."""

    log_evidence: float
    length: float
    noise: float


class AveragedKernel:
    """The kernel of a listed group, after a scaling of x that commutes with it.

    `labels` (order, p, p): the orthogonal action on targets; None: they stay put. Where every element acts as 1 or -1
    the kernel is a number (width 1) for each pair of samples, else a (p, p) block.
    """

    def __init__(self, acting: ActingGroup, x: Tensor, labels: FloatArray | None = None) -> None:
        self.acting = acting
        shift, scale = _orthogonal_scaling(x.numpy(), acting)
        self.shift, self.scale = torch.from_numpy(shift), torch.from_numpy(scale)
        self.where = torch.tensor(acting.coordinates)
        rho = np.ones((acting.group.order, 1, 1)) if labels is None else labels
        if all(np.allclose(r, r[0, 0] * np.eye(len(r)), atol=1e-9) for r in rho):
            rho = rho[:, :1, :1]
        self.width = rho.shape[1]
        self.rho = torch.from_numpy(rho)
        self.fixed = self.rho.mean(0)

    def prepare(self, b: Tensor) -> Tensor:
        """g b for every element, scaled, (order, n, d)."""
        moved = b.expand(self.acting.group.order, -1, -1).clone()
        if self.acting.permutes:
            for copy, images in zip(moved, torch.from_numpy(self.acting.x), strict=True):
                copy[:, self.where[images]] = b[:, self.where]
        else:
            maps = torch.from_numpy(np.asarray(self.acting.x, dtype=np.float64))
            moved[..., self.where] = b[:, self.where] @ maps.transpose(1, 2)
        return (moved - self.shift) @ self.scale.T

    def between(self, a: Tensor, prepared: Tensor, length: float) -> Tensor:
        """The kernel and the share of an unknown constant, which only the labels that all elements fix can have."""
        order, n, d = prepared.shape
        flat = prepared.reshape(-1, d)
        rows = []
        for part in ((a - self.shift) @ self.scale.T).split(max(1, _CHUNK // len(flat))):
            terms = _matern(_squared_distances(part, flat), length * math.sqrt(d)).view(len(part), order, n)
            if self.width == 1:
                rows.append(torch.einsum("agb,g->ab", terms, self.rho[:, 0, 0]) / order)
            else:
                blocks = torch.einsum("agb,gpq->apbq", terms, self.rho) / order
                rows.append(blocks.reshape(len(part) * self.width, n * self.width))
        constant = torch.kron(torch.ones(len(a), n, dtype=torch.float64), self.fixed)
        return torch.cat(rows) + _CONSTANT * constant

    def diagonal(self, a: Tensor, length: float) -> Tensor:
        order, d = self.acting.group.order, a.shape[1]
        rows = []
        for part in a.split(max(1, _CHUNK // (order * d))):
            squares = ((self.prepare(part) - (part - self.shift) @ self.scale.T) ** 2).sum(2)
            terms = _matern(squares, length * math.sqrt(d))
            rows.append(torch.einsum("ga,gpp->ap", terms, self.rho) / order)
        return (torch.cat(rows) + _CONSTANT * self.fixed.diagonal()).reshape(-1)


class SphereKernel:
    """All rotations (with or without mirrors) of one vector of n >= 3 components, labels staying put.

    The orbit of a vector is a sphere, so the average is one integral over the angle between x and g x', by
    Gauss-Legendre quadrature.
    """

    width = 1

    def __init__(self, vector: tuple[int, ...], x: Tensor) -> None:
        self.vector = torch.tensor(vector)
        found = spreads(x.numpy())
        found[list(vector)] = (x[:, self.vector] ** 2).mean().sqrt()
        self.scale = torch.from_numpy(filled(found))
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        angles = 0.5 * math.pi * (nodes + 1.0)
        density = weights * np.sin(angles) ** (len(vector) - 2)
        self.cosines = np.cos(angles)
        self.density = density / density.sum()

    def prepare(self, b: Tensor) -> Tensor:
        return b / self.scale

    def between(self, a: Tensor, prepared: Tensor, length: float) -> Tensor:
        width = length * math.sqrt(a.shape[1])
        a, b = a / self.scale, prepared
        r, s = a[:, self.vector].norm(dim=1), b[:, self.vector].norm(dim=1)
        other = torch.ones(a.shape[1], dtype=torch.bool)
        other[self.vector] = False
        rest = _squared_distances(a[:, other], b[:, other])
        near, product = rest + (r[:, None] - s[None]) ** 2, torch.outer(r, s)
        total = torch.zeros_like(product)
        for cosine, density in zip(self.cosines, self.density, strict=True):
            total += float(density) * _matern(near + 2.0 * (1.0 - float(cosine)) * product, width)
        return total + _CONSTANT

    def diagonal(self, a: Tensor, length: float) -> Tensor:
        squares = (a / self.scale)[:, self.vector].square().sum(1)
        chords = torch.outer(squares, torch.from_numpy(2.0 * (1.0 - self.cosines)))
        return _matern(chords, length * math.sqrt(a.shape[1])) @ torch.from_numpy(self.density) + _CONSTANT


class SortedKernel:
    """All permutations within sets of scalar items, labels staying put: the kernel of the sorted values.

    Sorting brings two samples as near to one another as permutations can, so this is the largest term of the average
    over the group; the average itself has too many.
    """

    width = 1

    def __init__(self, sets: list[tuple[int, ...]], x: Tensor) -> None:
        self.sets = [torch.tensor(items) for items in sets]
        found = spreads(x.numpy())
        for items in sets:
            found[list(items)] = spreads(x[:, items].reshape(-1, 1).numpy())
        self.scale = torch.from_numpy(filled(found))

    def prepare(self, b: Tensor) -> Tensor:
        return self._sorted(b)

    def between(self, a: Tensor, prepared: Tensor, length: float) -> Tensor:
        width = length * math.sqrt(a.shape[1])
        return _matern(_squared_distances(self._sorted(a), prepared), width) + _CONSTANT

    def diagonal(self, a: Tensor, length: float) -> Tensor:
        return torch.full((len(a),), 1.0 + _CONSTANT, dtype=torch.float64)

    def _sorted(self, x: Tensor) -> Tensor:
        out = x / self.scale
        for items in self.sets:
            out[:, items] = out[:, items].sort(1).values
        return out


def group_kernel(spec: dict[str, Any], x: Tensor, basis: FloatArray | None) -> Kernel | None:
    """The kernel of a candidate, from its node's `spec` and the samples x (n, d) float64; None where there is none.

    `basis` (p, q), orthonormal columns: the combinations of label components that are modelled (None: all of them).
    None for SO(n) and O(n) with n >= 3 on several vectors or with labels that move, for permutations of items with
    several features, for groups with very large maps, and for matrices on targets that are not orthogonal.
    """
    if is_family(spec):
        return _family_kernel(spec, x, basis)
    acting = from_spec(spec)
    if acting.group.order * len(acting.coordinates) ** 2 > _MAX_ENTRIES:
        return None
    rho = on_basis(acting.y, basis)
    if rho is not None and not is_orthogonal(rho):
        return None
    return AveragedKernel(acting, x, rho)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a_i - b_j|^2, (len(a), len(b))."""
    norms = (b**2).sum(1)
    if len(b) and float(norms.max()) > _FAR:
        return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square_()
    return (a**2).sum(1)[:, None] + norms[None] - 2.0 * a @ b.T


def _matern(squares: Tensor, width: float) -> Tensor:
    """(1 + r) exp(-r), r the square root of 3 squares / width^2."""
    r = (3.0 / width**2 * squares.clamp_min(0.0)).sqrt_()
    return (1.0 + r) * torch.exp(-r)


def _family_kernel(spec: dict[str, Any], x: Tensor, basis: FloatArray | None) -> Kernel | None:
    if spec["family"] in ("SO(n)", "O(n)"):
        vectors = [tuple(v) for v in spec["vectors"]]
        if spec["n"] == 2:
            acting = turning_group(spec, vectors, _TURNS)
            return AveragedKernel(acting, x, on_basis(acting.y, basis))
        if len(vectors) == 1 and spec["labels"] == "trivial":
            return SphereKernel(vectors[0], x)
        return None
    sets = spec.get("sets")
    if sets and all(len(item) == 1 for items in sets for item in items):
        return SortedKernel([tuple(item[0] for item in items) for items in sets], x)
    return None


def turning_group(spec: dict[str, Any], vectors: list[tuple[int, ...]], turns: int) -> ActingGroup:
    """`turns` turns of the plane (and as many mirrors) for all of a family; labels as the family moves them."""
    generators = [rotation(360.0 / turns)] + ([MIRROR_X] if spec["family"] in ("O(n)", "O(2)") else [])
    labels: list[FloatArray] | None = None
    if spec["labels"] == "vector":
        labels = generators
    elif spec["labels"] == "sign":
        mirrored = np.asarray(spec["mirror_labels"], dtype=np.float64)
        labels = [np.eye(len(mirrored)) if np.linalg.det(t) > 0 else mirrored for t in generators]
    maps = [np.kron(np.eye(len(vectors)), t) for t in generators]
    return acting_group([c for v in vectors for c in v], maps, labels)


def on_basis(y: FloatArray | None, basis: FloatArray | None) -> FloatArray | None:
    """Label maps (order, p, p) on the combinations `basis` (p, q) of components, (order, q, q)."""
    return y if y is None or basis is None else np.asarray(basis.T @ y @ basis)


def is_orthogonal(rho: FloatArray) -> bool:
    """Whether all matrices (order, p, p) are."""
    return bool(np.allclose(rho @ rho.transpose(0, 2, 1), np.eye(rho.shape[1]), atol=1e-6))


def _orthogonal_scaling(x: FloatArray, acting: ActingGroup) -> tuple[FloatArray, FloatArray]:
    """(shift, scale) under which the group is orthogonal; for matrices that are not, by their invariant metric."""
    shift, scale = invariant_scaling(x, acting)
    if acting.permutes or acting.group.order == 1:
        return shift, scale
    maps = acting.x_matrices()
    metric = (maps.transpose(0, 2, 1) @ maps).mean(0)
    if np.allclose(metric, np.eye(len(metric)), atol=1e-6):
        return shift, scale
    values, vectors = np.linalg.eigh(metric)
    where = np.asarray(acting.coordinates)
    scale = scale.copy()
    scale[np.ix_(where, where)] = scale[where[0], where[0]] * (vectors * np.sqrt(values)) @ vectors.T
    return shift, scale


def evidence(kernel: Kernel, x: Tensor, y: Tensor, *, shared: bool = False) -> Evidence:
    """Log marginal likelihood of targets y (n, p) under the kernel, averaged over lengths and noises.

    The amplitude is integrated with the prior 1 / amplitude, which leaves the profile likelihood up to a constant; it
    is one for each target or `shared` by all, as it must be where some candidate mixes them.
    """
    columns = y if kernel.width == 1 else y.reshape(-1, 1)
    scores = []
    prepared = kernel.prepare(x)
    for length in LENGTHS:
        values, vectors = torch.linalg.eigh(kernel.between(x, prepared, length))
        squares = (vectors.T @ columns) ** 2
        scores.append(noise_scores(values.clamp_min(0.0), squares, torch.zeros_like(squares[0]), len(columns), shared))
    return over_grid(torch.stack(scores), NOISES)


def over_grid(scores: Tensor, noises: Tensor) -> Evidence:
    """The evidence from log marginal likelihoods (lengths, noises)."""
    best = int(scores.argmax())
    average = float(torch.logsumexp(scores.flatten(), 0)) - math.log(scores.numel())
    return Evidence(average, LENGTHS[best // len(noises)], float(noises[best % len(noises)]))


def noise_scores(
    values: Tensor,
    squares: Tensor,
    rest: Tensor,
    m: int,
    shared: bool,
    *,
    noises: Tensor = NOISES,
    lost: Tensor | float = 0.0,
) -> Tensor:
    """Log marginal likelihood of p columns of m numbers at each of the noises, (noises,), less what each has `lost`.

    `values` (r,): the covariance's eigenvalues other than zero; `squares` (r, p): squared projections of the columns on
    their vectors; `rest` (p,): what is left of the columns' squared norms. Columns of zeros (a class that none of the
    samples has), to which any amplitude is too large, say nothing and are left out.
    """
    told = squares.sum(0) + rest > _NOTHING * m
    if not told.any():
        return torch.zeros_like(noises)
    if not shared:
        squares, rest = squares[:, told], rest[told]
    spectra = values[None] + noises[:, None]  # (noises, r)
    sums = (1.0 / spectra) @ squares + rest / noises[:, None]  # (noises, p)
    determinants = torch.log(spectra).sum(1) + (m - len(values)) * torch.log(noises)
    return _profile_scores(sums, determinants, m, shared, lost)


def nothing_scores(columns: Tensor, shared: bool, noises: Tensor = NOISES) -> Tensor:
    """`noise_scores` of columns (m, p) of which nothing is explained: the same at every noise."""
    nothing = torch.zeros(0, columns.shape[1]).double()
    return noise_scores(nothing[:, 0], nothing, (columns**2).sum(0), len(columns), shared, noises=noises)


def _profile_scores(sums: Tensor, determinants: Tensor, m: int, shared: bool, lost: Tensor | float = 0.0) -> Tensor:
    """Log marginal likelihood of p columns of m numbers, (noises,), amplitudes at their best: one for each column, or
    `shared`. `sums` (noises, p): c^T K^-1 c of each column c; `determinants` (noises,): log |K|."""
    p = sums.shape[1]
    if shared:
        fit = -0.5 * m * p * (torch.log(2.0 * torch.pi * sums.sum(1) / (m * p)) + 1.0)
    else:
        fit = -0.5 * m * (torch.log(2.0 * torch.pi * sums / m) + 1.0).sum(1)
    return fit - p * (0.5 * determinants + lost)


def regressor_scores(gram: Tensor, met: Tensor, columns: Tensor, small: float, shared: bool, **others: Any) -> Tensor:
    """`noise_scores` of columns (m, p) under a linear kernel on regressors X: `gram` = X^T X, `met` = X^T columns.

    Eigenvalues below `small` of the largest are taken for zero; `others`: as for `noise_scores`.
    """
    values, vectors = torch.linalg.eigh(gram)
    kept = values > small * values[-1:].clamp_min(1e-300)
    values = values[kept]
    squares = (vectors[:, kept].T @ met) ** 2 / values[:, None]
    rest = ((columns**2).sum(0) - squares.sum(0)).clamp_min(0.0)
    return noise_scores(values, squares, rest, len(columns), shared, **others)


def ridge_scores(gram: Tensor, met: Tensor, columns: Tensor, shared: bool, noises: Tensor) -> Tensor:
    """`regressor_scores` at a few noises, by factoring the covariance of the weights at each of them."""
    told = (columns**2).sum(0) > _NOTHING * len(columns)
    if not told.any():
        return torch.zeros_like(noises)
    if not shared:
        columns, met = columns[:, told], met[:, told]
    squares, sums, determinants = (columns**2).sum(0), [], []
    for noise in noises:
        factor = torch.linalg.cholesky(gram + noise * torch.eye(len(gram), dtype=gram.dtype))
        explained = (met * torch.cholesky_solve(met, factor)).sum(0)
        sums.append((squares - explained).clamp_min(0.0) / noise)
        left = (len(columns) - len(gram)) * torch.log(noise)
        determinants.append(2.0 * torch.log(factor.diagonal()).sum() + left)
    return _profile_scores(torch.stack(sums), torch.stack(determinants), len(columns), shared)


class Regressor:
    """The posterior mean of the process for targets y (n, p), at the length and noise of `found`."""

    def __init__(self, kernel: Kernel, x: Tensor, y: Tensor, found: Evidence) -> None:
        self.kernel, self.prepared, self.targets, self.length = kernel, kernel.prepare(x), y.shape[1], found.length
        gram = kernel.between(x, self.prepared, found.length)
        factor = torch.linalg.cholesky(gram + (found.noise + 1e-9) * torch.eye(len(gram), dtype=torch.float64))
        columns = y if kernel.width == 1 else y.reshape(-1, 1)
        self.weights = torch.cholesky_solve(columns, factor)

    def __call__(self, x: Tensor) -> Tensor:
        """Predicted targets, (n, p)."""
        return (self.kernel.between(x, self.prepared, self.length) @ self.weights).reshape(len(x), self.targets)
