"""What is to be predicted, and the columns beside it: task, classes, groups, split."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ingest.job import Refusal
from app.ingest.raw import RawDataset

MAX_CLASSES = 1000
MAX_TARGETS = 1024
MAX_NAME = 200
TRAIN_NAMES = frozenset({"train", "training"})
VALIDATION_NAMES = frozenset({"val", "valid", "validation"})
TEST_NAMES = frozenset({"test", "testing"})


@dataclass(slots=True)
class Target:
    """classification: y (n,) int64 class indices, `classes` their names; regression: y (n, p) float32."""

    task: str
    y: NDArray[Any]
    classes: list[str] | None = None
    class_counts: list[int] | None = None
    warnings: list[str] = field(default_factory=list)


def read_target(raw: RawDataset, task: str | None) -> Target:
    """Decide the task unless it is given, and bring y into its canonical form. Raises Refusal."""
    y, pointer = raw.y, raw.y_pointer
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2):
        raise Refusal(f"y has the shape {y.shape}; it needs (n,) or, for several numbers a sample, (n, p).", pointer)
    y = clean(y, "y", pointer)
    if y.dtype.kind == "f":
        _refuse_not_finite(y, raw, pointer)
    if y.ndim == 2 and task is None and _is_one_hot(y):
        raise Refusal(
            "y looks one-hot. Send the index of the class (y.argmax(axis=1)), or task=regression if these are numbers.",
            pointer,
        )
    if task is None:
        task = "classification" if _looks_like_classes(y) else "regression"
    return _classes(y, raw, pointer) if task == "classification" else _numbers(y, raw, pointer)


def clean(values: NDArray[Any], what: str, pointer: str) -> NDArray[Any]:
    """Text as native unicode without control characters, bools as bools, numbers in native byte order."""
    kind = values.dtype.kind
    if kind == "S":
        try:
            return clean(np.char.decode(values, "utf-8"), what, pointer)
        except UnicodeDecodeError:
            raise Refusal(f"{what} holds bytes that are not UTF-8 text. Save it as text.", pointer) from None
    if kind == "U":
        codes = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
        points = codes.view(np.uint32).reshape(*values.shape, -1)
        bad = (points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000)) | ((points < 32) & (points > 0))
        # A zero inside a name would end it early in some databases; zeros at the end are padding.
        bad[..., :-1] |= (points[..., :-1] == 0) & (points[..., 1:] != 0)
        if bad.any():
            row = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
            raise Refusal(f"{what} has a character in row {row} (counting from 0) that is not text.", pointer)
        return codes
    if kind == "b":
        return np.asarray(values.view(np.uint8) != 0)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _looks_like_classes(y: NDArray[Any]) -> bool:
    if y.ndim == 2 or y.dtype.kind == "f":
        return False
    return y.dtype.kind in "Ub" or len(np.unique(y)) <= max(20.0, math.sqrt(len(y)))


def _is_one_hot(y: NDArray[Any]) -> bool:
    return y.dtype.kind != "U" and bool((((y == 0) | (y == 1)).all()) and (y.sum(axis=1) == 1).all())


def _refuse_not_finite(y: NDArray[Any], raw: RawDataset, pointer: str) -> None:
    bad = ~np.isfinite(y).reshape(len(y), -1)
    if bad.any():
        row = int(np.argmax(bad.any(axis=1)))
        kind = "NaN" if np.isnan(y.reshape(len(y), -1)[row]).any() else "infinity"
        raise Refusal(f"y holds {kind} in {raw.row_title} {row} (counting from 0). Fill it or drop the row.", pointer)


def _classes(y: NDArray[Any], raw: RawDataset, pointer: str) -> Target:
    if y.ndim == 2:
        raise Refusal(
            f"Classification needs one label a sample, y has the shape {y.shape}. Send class indices "
            "(y.argmax(axis=1)), or task=regression.",
            pointer,
        )
    if y.dtype.kind == "f":
        fraction = y != np.trunc(y)
        if fraction.any():
            row = int(np.argmax(fraction))
            raise Refusal(
                f"y is {y[row]} in {raw.row_title} {row} (counting from 0), which is no class. Send whole numbers or "
                "names, or task=regression.",
                "/task",
            )
        if np.abs(y).max() >= 2**53:
            raise Refusal("y is too large to be a class label. Send whole numbers or names.", pointer)
        y = y.astype(np.int64)
    values, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(values) == 1:
        raise Refusal(f"y has one class only, {str(values[0])[:60]!r}. At least two are needed.", pointer)
    if len(values) > MAX_CLASSES or counts.max() == 1:
        raise Refusal(
            f"y has {len(values)} classes for {len(y)} samples; at most {MAX_CLASSES} are read, and some class must "
            "have two samples. Use task=regression for numbers.",
            pointer,
        )
    names = [str(value).lower() if y.dtype.kind == "b" else str(value) for value in values]
    for name in names:
        if not name.strip() or len(name) > MAX_NAME:
            raise Refusal(f"A class name is empty or longer than {MAX_NAME} characters: {name[:60]!r}.", pointer)
    single = [name for name, count in zip(names, counts, strict=True) if count == 1]
    warnings = []
    if single:
        shown = ", ".join(single[:5]) + (", ..." if len(single) > 5 else "")
        warnings.append(f"Classes with a single sample cannot be both learned and tested: {shown}.")
    codes = codes.astype(np.int64).reshape(-1)
    return Target("classification", codes, names, [int(count) for count in counts], warnings)


def _numbers(y: NDArray[Any], raw: RawDataset, pointer: str) -> Target:
    if y.dtype.kind == "U":
        raise Refusal(f"y holds text ({str(y.flat[0])[:60]!r}), which is no number. Use task=classification.", "/task")
    warnings = []
    if y.dtype.kind == "f" and y.ndim == 1 and (y == np.trunc(y)).all() and (count := len(np.unique(y))) <= 20:
        warnings.append(
            f"y has only {count} different values, all whole, and is read as numbers; task=classification makes "
            "classes of them."
        )
    y = y.reshape(len(y), -1)
    if y.shape[1] > MAX_TARGETS:
        raise Refusal(f"y has {y.shape[1]} numbers a sample; at most {MAX_TARGETS} are read.", pointer, 413)
    with np.errstate(over="ignore"):
        numbers = y.astype(np.float32)
    if not np.isfinite(numbers).all():
        row = int(np.argmax(~np.isfinite(numbers).all(axis=1)))
        raise Refusal(f"y is too large for float32 in {raw.row_title} {row} (counting from 0). Scale it.", pointer)
    constant = (numbers == numbers[0]).all(axis=0)
    if constant.any():
        column = int(np.argmax(constant))
        name = f"{raw.y_names[column]!r}" if raw.y_names else ("y" if y.shape[1] == 1 else f"y[:, {column}]")
        raise Refusal(f"The target {name} is constant: there is nothing to predict.", pointer)
    return Target("regression", numbers, warnings=warnings)


def read_groups(raw: RawDataset, n: int) -> NDArray[np.int64] | None:
    """Codes 0.. of the groups of samples that must stay together, (n,). Raises Refusal."""
    if raw.groups is None:
        return None
    values = _one_per_sample(raw.groups, "groups", n, raw.groups_pointer)
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.trunc(values))).all():
        raise Refusal("groups holds fractions or NaN; it needs whole numbers or names.", raw.groups_pointer)
    found, codes = np.unique(values, return_inverse=True)
    if len(found) == 1:
        raise Refusal("groups has a single value: no group could be held out. Leave it out.", raw.groups_pointer)
    return codes.astype(np.int64).reshape(-1)


def read_split(raw: RawDataset, target: Target) -> tuple[NDArray[np.int8] | None, list[str]]:
    """0 for train and 1 for test, (n,), and warnings. Raises Refusal.

    Values: train/test, 0/1 or bools. `val` is test where there is no `test`, and train otherwise.
    """
    if raw.split is None:
        return None, []
    values = _one_per_sample(raw.split, "split", len(target.y), raw.split_pointer)
    warnings: list[str] = []
    if values.dtype.kind == "U":
        names = np.char.lower(np.char.strip(values))
        held = TEST_NAMES if np.isin(names, list(TEST_NAMES)).any() else VALIDATION_NAMES
        if held is TEST_NAMES and np.isin(names, list(VALIDATION_NAMES)).any():
            warnings.append("The validation part of split counts as training data, because there is a test part too.")
        good = np.isin(names, [*TRAIN_NAMES, *VALIDATION_NAMES, *TEST_NAMES])
        test = np.isin(names, list(held))
    else:
        good = (values == 0) | (values == 1)
        test = values == 1
    if not good.all():
        row = int(np.argmin(good))
        raise Refusal(
            f"split is {str(values[row])[:60]!r} in row {row} (counting from 0); use train and test, or 0 and 1.",
            raw.split_pointer,
        )
    if test.all() or not test.any():
        raise Refusal("split puts every sample on one side. Mark both train and test samples.", raw.split_pointer)
    if target.classes is not None and len(np.unique(target.y[~test])) == 1:
        raise Refusal("split leaves a single class in the training part.", raw.split_pointer)
    return test.astype(np.int8), warnings


def _one_per_sample(values: NDArray[Any], what: str, n: int, pointer: str) -> NDArray[Any]:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise Refusal(f"{what} has the shape {values.shape}; it needs one value a sample, (n,).", pointer)
    if len(values) != n:
        raise Refusal(f"{what} has {len(values)} values for {n} samples.", pointer)
    return clean(values, what, pointer)
