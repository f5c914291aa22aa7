"""Samples to look at: what every tested element does to the one that it costs most and to an ordinary one, and one
sample moved by all elements of the listed groups. Chosen among the held-out samples; written beside the network of the
group that moves nothing, whose witness can speak of every element."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.actions.grid import maps_grid_to_itself
from models.actions.samples import sham_samples, transform_labels, transform_samples
from models.groups.action import from_spec, is_family, pair_key
from models.groups.naming import element_name
from workers.folds import Array
from workers.samples import Samples
from workers.witnesses import LossFunction, Predictor, Testimony

GALLERY = "gallery.json"
MAX_BYTES = 160_000  # of pictures; elements that cost least are left out first
SIDE = 64  # pixels; larger images are made smaller
EXACT_PIXELS = 1024  # up to here a picture keeps every pixel as it is
VALUES = 64  # coordinates of a vector that are shown
ORBIT = 32  # elements under which one sample is shown
LOOKED_AT = 8  # samples that lost most under g and g^-1 together, of which the worst under g is shown


@dataclass(frozen=True)
class Speaker:
    """A witness that can be asked again: what it said, and its predictors, one for each fold."""

    said: Testimony
    predictors: Sequence[Predictor]


def gallery(
    samples: Samples, speakers: Sequence[Speaker], job: dict[str, Any], loss: LossFunction, device: torch.device
) -> bytes:
    """The gallery as JSON; `app.schemas.gallery` names its parts. The best informed of the speakers is asked."""
    speaker = min(speakers, key=lambda s: float(s.said.base.mean()))
    eye = _Eye(samples, speaker, job, loss, device)
    said, plan = speaker.said, job["plan"]
    ordinary = int(np.argmin(np.abs(said.base - np.median(said.base))))
    gain = float((said.constant - said.base).mean())
    orbit = _orbit(eye, plan, ordinary)
    means = np.nan_to_num(said.excess.mean(axis=1), nan=-np.inf)
    items, left_out = [], 0
    for c in np.argsort(-means, kind="stable"):
        if eye.pictures.size > MAX_BYTES:
            left_out += 1
        elif not np.isnan(said.excess[c]).any():
            items.append(_element(eye, plan["classes"][c], said.excess[c], ordinary, gain))
    found = {
        "kind": "image" if eye.images else "vector",
        "witness": said.name,
        "pictures": eye.pictures.encoded,
        "items": items,
        "orbit": orbit,
        "left_out": left_out,
    }
    return json.dumps(found, allow_nan=False).encode()


def _element(eye: _Eye, planned: dict[str, Any], excess: Array, ordinary: int, gain: float) -> dict[str, Any]:
    action = planned["action"]
    shown = []
    worst = np.argsort(-excess, kind="stable")[:LOOKED_AT]
    losses = [eye.cost(int(place), action) for place in worst]
    for chosen, place in (("worst", int(worst[int(np.argmax(losses))])), ("ordinary", ordinary)):
        original, moved = eye.sham(place, action), eye.moved(place, action)
        before, after = eye.said(place, original), eye.said(place, moved)
        label, target = eye.label(place, None), eye.label(place, action)
        shown.append({
            "chosen": chosen, "row": eye.row(place), "label": label, "moved_label": target,
            "original": eye.draw(place, original), "moved": eye.draw(place, moved),
            "said": before, "moved_said": after, "excess": round(eye.cost(place, action), 4),
        })  # fmt: skip
    return {
        "element": planned["element"],
        "title": planned["title"],
        "interpolated": bool(action.get("interpolated")),
        "hurt": round(float((excess > gain).mean()), 4) if gain > 0 else None,
        "samples": shown,
    }


def _orbit(eye: _Eye, plan: dict[str, Any], place: int) -> dict[str, Any]:
    """One sample under the elements of the listed groups, smaller groups first, at most ORBIT of them."""
    found: dict[bytes, dict[str, Any]] = {}
    nodes = [n for n in plan["nodes"] if not is_family(n["spec"]) and (n["order"] or ORBIT + 1) <= ORBIT]
    for node in sorted(nodes, key=lambda n: int(n["order"])):
        acting = from_spec(node["spec"])
        for i in range(1, acting.group.order):  # the first is the identity
            x, y = acting.x[i], None if acting.y is None else acting.y[i]
            key = pair_key(acting.coordinates, x, y)
            if key not in found and len(found) >= ORBIT:
                continue
            if key not in found:
                name, title, _ = element_name(acting, i, "g")
                form = {"permutation" if acting.permutes else "matrix": x.tolist()}
                labels = None if y is None else y.tolist()
                action = {**form, "coordinates": list(acting.coordinates), "labels": labels}
                action["interpolated"] = eye.off_grid(acting.x_matrices()[i])
                moved = eye.moved(place, action)
                found[key] = {
                    "element": name, "title": title, "groups": [], "label": eye.label(place, action),
                    "picture": eye.draw(place, moved), "said": eye.said(place, moved),
                }  # fmt: skip
            found[key]["groups"].append(node["name"])
    original = eye.x(place)
    return {
        "row": eye.row(place),
        "label": eye.label(place, None),
        "original": eye.draw(place, original),
        "said": eye.said(place, original),
        "elements": list(found.values()),
    }


@dataclass
class _Pictures:
    """Every picture once; `encoded` are data addresses of images, or the coordinates of vectors."""

    encoded: list[Any] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)
    size: int = 0  # bytes

    def add(self, key: bytes, picture: Any) -> int:
        if key not in self.places:
            self.places[key] = len(self.encoded)
            self.encoded.append(picture)
            self.size += len(picture) if isinstance(picture, str) else len(json.dumps(picture))
        return self.places[key]


class _Eye:
    """One held-out sample at a time, by its place among the rows that testify: moved, drawn, and judged."""

    def __init__(
        self, samples: Samples, speaker: Speaker, job: dict[str, Any], loss: LossFunction, device: torch.device
    ) -> None:
        self.samples, self.speaker, self.loss, self.device = samples, speaker, loss, device
        self.domain = job["dataset"]["domain"]
        self.images = self.domain == "image2d"
        self.rows = np.concatenate(samples.tests)
        self.fold = np.repeat(np.arange(len(samples.tests)), [len(t) for t in samples.tests])
        self.pictures = _Pictures()

    def row(self, place: int) -> int:
        return int(self.rows[place])

    def off_grid(self, matrix: Array) -> bool:
        height, width = self.samples.x.shape[-2:] if self.images else (1, 1)
        return self.images and not maps_grid_to_itself(height, width, matrix)

    def x(self, place: int) -> Tensor:
        """The sample as a batch of one."""
        return torch.from_numpy(self.samples.x[self.rows[place]][None]).to(self.device)

    def moved(self, place: int, action: dict[str, Any]) -> Tensor:
        return transform_samples(self.x(place), action, self.domain)

    def sham(self, place: int, action: dict[str, Any]) -> Tensor:
        """What the moved sample is compared with: as blurred as it, but not moved."""
        return sham_samples(self.x(place), action)

    def _y(self, place: int, action: dict[str, Any] | None) -> Tensor:
        y = torch.from_numpy(self.samples.y[self.rows[place]][None]).to(self.device)
        return y if action is None else transform_labels(y, action)

    def label(self, place: int, action: dict[str, Any] | None) -> Any:
        """The class, or the targets in their own unit; moved by `action` if given."""
        y = self._y(place, action)
        return int(y[0]) if self.samples.classification else self._unit(y[0])

    def _unit(self, y: Tensor) -> list[float]:
        values = y.cpu().numpy() * self.samples.target_scale + self.samples.target_shift
        return [float(f"{v:.4g}") for v in values]

    @torch.no_grad()
    def said(self, place: int, x: Tensor) -> Any:
        """What the witness of the sample's fold predicts: the two likeliest classes with their chances, or targets."""
        outputs = self.speaker.predictors[self.fold[place]](x)[0]
        if not self.samples.classification:
            return self._unit(outputs)
        chances = torch.softmax(outputs, -1).cpu()
        return [[int(k), round(float(chances[k]), 4)] for k in torch.argsort(-chances)[:2]]

    @torch.no_grad()
    def cost(self, place: int, action: dict[str, Any]) -> float:
        """How much more the witness loses on g x than on x: bits, or units of the target's variance."""
        predictor = self.speaker.predictors[self.fold[place]]
        after = self.loss(predictor(self.moved(place, action)), self._y(place, action))
        return float(after[0] - self.loss(predictor(self.sham(place, action)), self._y(place, None))[0])

    def draw(self, place: int, x: Tensor) -> int:
        """The index of the picture of `x`, in the greys of the sample that it was made from."""
        values = x[0].cpu().numpy()
        if not self.images:
            numbers = [float(f"{v:.4g}") for v in values[:VALUES]]
            return self.pictures.add(json.dumps(numbers).encode(), numbers)
        source = self.samples.x[self.rows[place]]
        low, high = float(source.min()), float(source.max())
        shades = np.clip((values - low) / ((high - low) or 1.0) * 255, 0, 255).round().astype(np.uint8)
        return self.pictures.add(shades.tobytes(), _image(shades))


def _image(shades: Array) -> str:
    """Channels (c, h, w) of bytes as a data address: three are colours, others are shown by their mean."""
    channels, height, width = shades.shape
    grey = shades[0] if channels == 1 else shades.mean(axis=0).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades.transpose(1, 2, 0)) if channels == 3 else grey)
    if max(height, width) > SIDE:
        scale = SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = image.resize(size, Image.Resampling.BOX)
    kind = "png" if image.width * image.height <= EXACT_PIXELS else "webp"
    out = io.BytesIO()
    image.save(out, kind, **({"optimize": True} if kind == "png" else {"quality": 80}))
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"
