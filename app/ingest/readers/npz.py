""".npz: a zip of .npy arrays, as numpy.savez and numpy.savez_compressed write it."""

from __future__ import annotations

from pathlib import Path

from app.ingest.archive import Archive
from app.ingest.job import IngestJob, Refusal
from app.ingest.npy import StoredArray, parse_npy
from app.ingest.raw import RawDataset


def read(job: IngestJob, work: Path) -> RawDataset:
    """Arrays `x`, `y` and, if there, `groups` and `split`; the form fields may name other arrays for all but x.

    Members that are not asked for are never opened.
    """
    options = job.options
    with Archive(job.path, job.limits) as archive:
        for member in archive.members:
            if "/" in member or not member.endswith(".npy"):
                raise Refusal(f"The archive member {member!r} is not a .npy array. Write the file with numpy.savez.")
        names = {member.removesuffix(".npy") for member in archive.members}
        wanted = {
            "x": _choose(names, "x", None, "/file", needed=True),
            "y": _choose(names, "y", options.target, "/target", needed=True),
            "groups": _choose(names, "groups", options.groups, "/groups", needed=False),
            "split": _choose(names, "split", options.split, "/split", needed=False),
        }
        arrays: dict[str, StoredArray] = {}
        for role, name in wanted.items():
            if name is None:
                continue
            path = work / f"{role}.npy"
            archive.copy_to(f"{name}.npy", path)
            arrays[role] = parse_npy(path, name)
    unused = sorted(names - {name for name in wanted.values() if name})
    table_bytes = job.limits.table_bytes
    groups, split = arrays.get("groups"), arrays.get("split")
    return RawDataset(
        source="npz",
        x=arrays["x"],
        y=arrays["y"].load(table_bytes, "y"),
        groups=None if groups is None else groups.load(table_bytes, "groups"),
        split=None if split is None else split.load(table_bytes, "split"),
        warnings=[f"Arrays that were not used: {', '.join(unused[:10])}."] if unused else [],
        y_pointer="/target" if options.target else "/file",
        groups_pointer="/groups" if options.groups else "/file",
        split_pointer="/split" if options.split else "/file",
    )


def _choose(names: set[str], default: str, named: str | None, pointer: str, *, needed: bool) -> str | None:
    name = named or default
    if name in names:
        return name
    found = ", ".join(sorted(names)[:20]) or "none"
    if named:
        raise Refusal(f"There is no array {named!r} in the file; its arrays are: {found}.", pointer)
    if needed:
        raise Refusal(
            f"The array {default!r} is missing; the arrays in the file are: {found}. "
            "Write it with numpy.savez(file, x=x, y=y)."
        )
    return None
