"""From what people have (arrays, tensors, frames, files, folders of images) to a file that the service reads."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from erlangen_client.errors import InputError

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})
ROLES = ("groups", "split")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file on this disk, the name it is sent under, and the other fields of the form."""

    path: Path
    name: str
    form: dict[str, str] = field(default_factory=dict)


def prepare(x: Any, y: Any, options: Mapping[str, Any], folder: Path) -> Prepared:
    """The file to send for `x` and `y`; where there is none yet it is written into `folder`.

    x: a path (npz, csv, parquet, zip, or a folder with one folder of images per class), a pandas frame, or anything
    that numpy takes as an array, a torch tensor among them. y: labels or targets; for a frame also the name of a column
    or several; for a path the name of the target column, if it needs one. Raises InputError.
    """
    form = {name: str(value) for name, value in options.items() if value is not None and name not in ROLES}
    roles = {name: options[name] for name in ROLES if options.get(name) is not None}
    if isinstance(x, str | os.PathLike):
        return _file(Path(x), y, form, roles, folder)
    if hasattr(x, "columns") and hasattr(x, "to_csv"):
        return _frame(x, y, form, roles, folder)
    return _arrays(x, y, form, roles, folder)


def _file(path: Path, y: Any, form: dict[str, str], roles: Mapping[str, Any], folder: Path) -> Prepared:
    form = form | {name: _text(value, name) for name, value in roles.items()}
    if y is not None:
        names = [y] if isinstance(y, str) or not isinstance(y, Iterable) else y
        form["target"] = ",".join(_text(name, "y") for name in names)
    if path.is_dir():
        return Prepared(_zip_of(path, folder), f"{_said(path.resolve().name)}.zip", form)
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}.")
    return Prepared(path, _said(path.name), form)


def _said(name: str) -> str:
    """A name on the disk as text: what is no text in it becomes question marks."""
    return name.encode("utf-8", "replace").decode()


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"With a file, `{name}` is the name of a column or array in it, not {type(value).__name__}.")
    return value


def _zip_of(root: Path, folder: Path) -> Path:
    """A zip of the images under the class folders of `root`; the same images give the same bytes."""
    images = [
        path
        for kind in sorted(root.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
        for path in sorted(kind.iterdir())
        if path.is_file() and path.suffix.lower() in IMAGES and not path.name.startswith(".")
    ]
    if not images:
        raise InputError(f"There are no images in the folders of {str(root)!r}: one folder per class is expected.")
    target = folder / "images.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in images:  # images are compressed already
            with path.open("rb") as image, archive.open(_said(f"{path.parent.name}/{path.name}"), "w") as member:
                while block := image.read(1 << 20):
                    member.write(block)
    return target


def _frame(frame: Any, y: Any, form: dict[str, str], roles: Mapping[str, Any], folder: Path) -> Prepared:
    frame = frame.copy(deep=False)
    frame.columns = [str(name) for name in frame.columns]
    names = _columns(frame, y, "y") if y is not None else [form["target"]] if "target" in form else []
    if not names:
        raise InputError("y is needed: the name of a column of the frame, a series, or an array.")
    if len(names) > 1 and any("," in name for name in names):
        raise InputError("Of several target columns none may have a comma in its name.")
    form = form | {"target": ",".join(names)}
    for role, value in roles.items():
        columns = _columns(frame, value, role)
        if len(columns) != 1:
            raise InputError(f"{role} is one column, not {len(columns)}.")
        form[role] = columns[0]
    if twice := [name for name, count in Counter(frame.columns).items() if count > 1]:
        raise InputError(f"The frame has more than one column {twice[0]!r}.")
    flags = [name for name, kind in frame.dtypes.items() if str(kind) in ("bool", "boolean") and name not in names]
    path = folder / "table.csv"
    frame.astype(dict.fromkeys(flags, "Int8")).to_csv(path, index=False)  # of which a missing one stays missing
    return Prepared(path, f"{form.get('name', 'table')}.csv", form)


def _columns(frame: Any, value: Any, role: str) -> list[str]:
    """The names of the columns that play a role; values that are no column yet become one. Changes `frame`."""
    if isinstance(value, str):
        wanted = [value]
    elif isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
        wanted = list(value) if len(value) != len(frame) or set(value) <= set(frame.columns) else []
    else:
        wanted = []
    if wanted:
        if missing := [name for name in wanted if name not in frame.columns]:
            raise InputError(f"{role}: the frame has no column {missing[0]!r}; it has {', '.join(frame.columns)}.")
        return wanted
    values = _array(value, role)
    if not len(frame):
        raise InputError("x has no rows.")
    if _rows(values) != len(frame):
        raise InputError(f"{role} has {_rows(values) or 'no'} rows, x has {len(frame)}.")
    parts = values.reshape(len(values), -1).T
    stem = str(getattr(value, "name", None) or role)
    made = [_free(frame, stem if len(parts) == 1 else f"{stem}{index}") for index in range(len(parts))]
    for name, part in zip(made, parts, strict=True):
        frame[name] = part
    return made


def _free(frame: Any, name: str) -> str:
    while name in frame.columns:
        name += "_"
    return name


def _arrays(x: Any, y: Any, form: dict[str, str], roles: Mapping[str, Any], folder: Path) -> Prepared:
    if y is None:
        raise InputError("y is needed: one label or target for each sample.")
    arrays = {"x": _array(x, "x"), "y": _array(y, "y")} | {name: _array(part, name) for name, part in roles.items()}
    if arrays["x"].dtype.kind not in "biuf":
        raise InputError(f"x holds {arrays['x'].dtype}, not numbers.")
    count = _rows(arrays["x"])
    if not count:
        raise InputError("x has no rows.")
    for name, values in arrays.items():
        if _rows(values) != count:
            raise InputError(f"{name} has {_rows(values) or 'no'} rows, x has {count}.")
    path = folder / "arrays.npz"
    np.savez(path, allow_pickle=False, **arrays)
    return Prepared(path, f"{form.get('name', 'arrays')}.npz", form)


def _rows(values: NDArray[Any]) -> int:
    return len(values) if values.ndim else 0


def _array(value: Any, name: str) -> NDArray[Any]:
    """A numpy array of anything like one. Raises InputError for what would have to be pickled."""
    if np.ma.is_masked(value):
        raise InputError(f"{name} has masked values: fill them in, or leave their samples out.")
    try:
        if hasattr(value, "detach"):  # a torch tensor, on any device
            value = value.detach().cpu()
            value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        values = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{name} is no array: {error}") from None
    if values.dtype.kind == "O" or values.dtype.kind not in "biufUSM":
        flat = values.ravel().tolist()
        if values.dtype.kind in "OT" and flat and all(isinstance(part, str) for part in flat):
            return values.astype(np.str_)
        if values.dtype.kind == "O" and flat and all(isinstance(part, np.bool_ | Real) for part in flat):
            numbers = np.asarray(flat).reshape(values.shape)
            if numbers.dtype.kind in "biuf":  # there are integers that no array holds
                return numbers
        raise InputError(f"{name} holds {values.dtype}: send numbers or text, and one shape for all samples.")
    return values
