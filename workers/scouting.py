"""The scout of a search: label actions read off a network without symmetry, on samples that will not testify.

A quarter of the independent samples is set aside by a rule that the scout and the search share. Which action is tested
depends on them, and on networks that never saw the sample they are asked about; the test is made on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.actions.grid import maps_grid_to_itself
from models.actions.samples import transform_labels, transform_samples
from models.groups.action import ActingGroup
from models.groups.candidates import parse_candidate
from models.groups.entries import Candidate
from models.groups.finite import Map, element_key, permutation_matrix
from models.groups.labels import is_found
from models.groups.naming import element_name
from models.groups.probed import Family
from models.groups.scout import known_samples, named_actions, unmoved
from workers.evidence.label_actions import Action, Moved, matrix_action, permutation_action
from workers.fitting import sample_losses
from workers.folds import Array, IntArray
from workers.intervals import mean_and_error
from workers.samples import Samples
from workers.witnesses import Predictor

_FEWEST = 8  # samples that must be set aside for anything to be found
_SURE = 1.0  # standard errors by which a label action must beat labels in place to be proposed


def find_label_actions(
    job: dict[str, Any], samples: Samples, networks: Sequence[Sequence[Predictor]], device: torch.device
) -> list[dict[str, Any]]:
    """For each candidate with labels to be found {candidate, group, labels, maps, better, error, samples, generators}.

    `networks`: for each network one predictor per fold, of which the one with the least loss is asked; `samples.tests`
    are the samples set aside. `maps` holds what makes the candidate's label action explicit; `better` is how much less
    loss (bits, or squared error in units of the target) it has than labels left in place; `generators` says for each
    generator the class means of the predictions, or the map that was found.
    """
    scout, domain = job["plan"]["scout"], job["dataset"]["domain"]
    known = known_samples(scout["data"])
    rows = np.concatenate(samples.tests)
    asked = _Asked(samples, min(networks, key=lambda fold: _loss(samples, fold, device)), domain, device)
    found = []
    for i, entry in enumerate(scout["candidates"]):
        if not is_found(entry):
            continue
        plain = parse_candidate(unmoved(entry), i, known)
        about: dict[str, Any] = {"candidate": i, "group": plain.name, "samples": len(rows)}
        stay = {"labels": "trivial", "maps": {}, "better": 0.0, "error": None, "generators": []}
        if len(rows) < _FEWEST:
            found.append({**about, **stay})
        elif isinstance(plain.group, Family):
            named = named_actions(entry, i, known)
            found.append({**about, **stay, **_family_action(named, asked)})
        elif plain.generators:
            named = {} if samples.classification else named_actions(entry, i, known)
            found.append({**about, **stay, **_listed_action(plain, plain.group, named, asked)})
        else:
            found.append({**about, **stay})
    return found


class _Asked:
    """What the scout's network says of moved samples."""

    def __init__(self, samples: Samples, predictors: Sequence[Predictor], domain: str, device: torch.device) -> None:
        self.samples, self.predictors, self.domain, self.device = samples, predictors, domain, device
        self.rows = np.concatenate(samples.tests)
        self.cluster = samples.cluster[self.rows]
        self.y = samples.y[self.rows]

    def moved(self, coordinates: tuple[int, ...], x: Map) -> Tensor:
        """Outputs (n, K) on g x of the samples set aside, each by the network that never saw it."""
        square = permutation_matrix(x) if x.dtype.kind == "i" else np.asarray(x, dtype=np.float64)
        height, width = self.samples.x.shape[-2:] if self.domain == "image2d" else (0, 0)
        off_grid = self.domain == "image2d" and not maps_grid_to_itself(height, width, square)
        form = {"permutation" if x.dtype.kind == "i" else "matrix": x.tolist()}
        action = {**form, "coordinates": list(coordinates), "labels": None, "interpolated": off_grid}
        said = []
        for predictor, rows in zip(self.predictors, self.samples.tests, strict=True):
            x_rows = torch.from_numpy(self.samples.x[rows]).to(self.device)
            said.append(predictor(transform_samples(x_rows, action, self.domain)).double().cpu())
        outputs = torch.cat(said)
        return outputs.log_softmax(-1) if self.samples.classification else outputs

    def lost(self, outputs: Tensor, labels: Array | None) -> Array:
        """Loss of each sample when its label is moved by `labels`, a matrix on label vectors."""
        y = torch.from_numpy(self.y if self.samples.classification else self.y.astype(np.float64))
        moved = transform_labels(y, {"labels": None if labels is None else labels.tolist()})
        return sample_losses(outputs, moved, self.samples.classification).numpy()


def _loss(samples: Samples, fold: Sequence[Predictor], device: torch.device) -> float:
    total = 0.0
    for predictor, rows in zip(fold, samples.tests, strict=True):
        outputs = predictor(torch.from_numpy(samples.x[rows]).to(device))
        y = torch.from_numpy(samples.y[rows]).to(device)
        total += float(sample_losses(outputs, y, samples.classification).sum())
    return total


def _listed_action(plain: Candidate, acting: ActingGroup, named: dict[str, Candidate], asked: _Asked) -> dict[str, Any]:
    group, generators = acting.group, plain.generators
    places = {element_key(x): i for i, x in enumerate(acting.x)}
    matrices = [permutation_matrix(g) if g.dtype.kind == "i" else g for g in generators]
    index = [places[element_key(g if acting.permutes else m)] for g, m in zip(generators, matrices, strict=True)]
    moved = []
    for i in index:
        there, back = (asked.moved(acting.coordinates, acting.x[k]).numpy() for k in (i, int(group.inverse[i])))
        moved.append(Moved(i, there, back))
    titles = [element_name(acting, i, f"generator {n}")[1] for n, i in enumerate(index)]
    if asked.samples.classification:
        action = permutation_action(group, moved, asked.y, asked.cluster)
        maps = {"label_generators": [m.tolist() for m in action.maps]}
        about = [
            {"element": title, "permutation": m.tolist(), "predicted": _class_means(one.there, asked.y)}
            for title, m, one in zip(titles, action.maps, moved, strict=True)
        ]
        nothing = all((m == np.arange(len(m))).all() for m in action.maps)
        bits = 1.0 / float(np.log(2.0))
        return _found("trivial" if nothing else "permutation", maps, action, about, bits)
    natural = {name: list(c.label_maps) for name, c in named.items() if c.label_maps}
    action = matrix_action(group, moved, asked.y, asked.cluster, list(natural.values()))
    about = [{"element": title, "matrix": m.tolist()} for title, m in zip(titles, action.maps, strict=True)]
    if all(np.allclose(m, np.eye(len(m))) for m in action.maps):
        return _found("trivial", {}, action, about)
    for name, maps_of in natural.items():
        if all(np.allclose(m, n) for m, n in zip(action.maps, maps_of, strict=True)):
            return _found(name, {}, action, about)
    return _found("matrix", {"label_matrices": [m.tolist() for m in action.maps]}, action, about)


def _found(
    labels: str, maps: dict[str, Any], action: Action, generators: list[dict[str, Any]], unit: float = 1.0
) -> dict[str, Any]:
    if labels == "trivial":
        return {"generators": generators}
    better, error = unit * action.better, unit * action.error
    return {"labels": labels, "maps": maps, "better": better, "error": error, "generators": generators}


def _family_action(named: dict[str, Candidate], asked: _Asked) -> dict[str, Any]:
    """Which of the named label actions of a family predicts best at its probes; nothing where labels better stay."""
    best: tuple[float, float, str] | None = None
    for labels, candidate in named.items():
        if not isinstance(candidate.group, Family):
            continue
        gains = []
        for probe in candidate.group.probes:
            outputs = asked.moved(probe.coordinates, probe.x)
            gains.append(asked.lost(outputs, None) - asked.lost(outputs, probe.y))
        better, error, _ = mean_and_error(np.mean(gains, axis=0), asked.cluster)
        if better > _SURE * error and (best is None or better > best[0]):
            best = better, error, labels
    if best is None:
        return {}
    unit = 1.0 / float(np.log(2.0)) if asked.samples.classification else 1.0
    return {"labels": best[2], "better": unit * best[0], "error": unit * best[1]}


def _class_means(log_p: Array, y: IntArray) -> list[list[float] | None]:
    """Mean predicted probability of every class on g x, for the samples of each class; null for a class without any."""
    p = np.exp(log_p)
    return [p[y == c].mean(0).round(4).tolist() if (y == c).any() else None for c in range(p.shape[1])]
