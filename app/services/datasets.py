"""Data sets: accept a file once, show it, let go of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from app.db.repositories import datasets as repository
from app.db.tables import Dataset, new_id, utc_now
from app.errors import Problem
from app.ingest.job import ReadOptions, Refusal
from app.ingest.parent import ingest_file, problem_of
from app.settings import Settings
from app.storage import Storage
from app.uploads import Upload

TEXT_FIELDS = ("name", "domain", "task", "target", "groups", "split")
MAX_NAME = 200
NAMED_SEARCHES = 3


@dataclass(frozen=True, slots=True)
class Accepted:
    """A data set, and whether this upload made it."""

    dataset: Dataset
    created: bool


def read_options(upload: Upload) -> ReadOptions:
    """The options among the form fields. Raises Problem (422) for a domain or task that is unknown."""
    fields = {name: value for name, value in upload.fields.items() if name != "name"}
    if len(upload.fields.get("name", "")) > MAX_NAME:
        raise Problem.invalid("/name", f"The name is longer than {MAX_NAME} characters.")
    try:
        return ReadOptions(**fields).normalised()
    except Refusal as refusal:
        raise problem_of(refusal) from None


def content_key(sha256: str, options: ReadOptions) -> str:
    """The same for the same bytes read in the same way."""
    described = json.dumps([sha256, asdict(options)], sort_keys=True).encode()
    return hashlib.sha256(described).hexdigest()


def find_twin(sessions: sessionmaker[Session], owner: str, upload: Upload, options: ReadOptions) -> Dataset | None:
    """The data set that the same upload made before, unless it was deleted."""
    with sessions() as session:
        twin = repository.twin(session, owner, content_key(upload.sha256, options))
    return twin if twin is not None and twin.deleted_at is None else None


def accept(
    upload: Upload,
    options: ReadOptions,
    owner: str,
    settings: Settings,
    storage: Storage,
    writer: sessionmaker[Session],
) -> Accepted:
    """Read an upload in the child and keep the result: objects first, then the row.

    Of several identical uploads at once one makes the row, the others get it. Raises Problem, and then nothing is kept.
    """
    # It may have waited for its turn behind an upload of the same bytes.
    if (twin := find_twin(writer, owner, upload, options)) is not None:
        return Accepted(twin, created=False)
    out = upload.folder / "out"
    manifest = ingest_file(upload.path, upload.filename, options, settings, out)
    dataset_id = new_id("ds")
    # A folder of its own for every attempt: nobody else writes there or deletes it.
    prefix = f"datasets/{dataset_id}"
    row = Dataset(
        id=dataset_id,
        owner=owner,
        content_key=content_key(upload.sha256, options),
        name=upload.fields.get("name") or PurePosixPath(upload.filename).stem or "dataset",
        domain=manifest["domain"],
        task=manifest["task"],
        n=manifest["n"],
        x_shape=manifest["x_shape"],
        classes=manifest["classes"],
        target_dim=manifest["target_dim"],
        sha256=upload.sha256,
        bytes=upload.size,
        prefix=prefix,
        manifest=manifest,
        warnings=manifest["warnings"],
        created_at=utc_now(),
    )
    kept = False
    try:
        for name in (*(f"{array}.npy" for array in manifest["arrays"]), "preview.json", "manifest.json"):
            storage.put_file(f"{prefix}/{name}", out / name, move=True)
        accepted = _insert(writer, row)
        kept = accepted.dataset.prefix == prefix
    finally:
        if not kept:
            storage.delete_prefix(prefix)
    return accepted


def _insert(writer: sessionmaker[Session], row: Dataset) -> Accepted:
    owner, key = row.owner, row.content_key
    with writer() as session:
        twin = repository.twin(session, owner, key)
        if twin is None:
            session.add(row)
            try:
                session.commit()
            except IntegrityError:  # the twin came between the question and the answer
                session.rollback()
            else:
                return Accepted(row, created=True)
    with writer() as session:
        twin = repository.twin(session, owner, key)
        if twin is None:
            raise RuntimeError(f"data set {key} neither inserted nor there")
        columns: dict[str, Any] = {
            "prefix": row.prefix,
            "manifest": row.manifest,
            "warnings": row.warnings,
            "name": row.name,
            "created_at": row.created_at,
        }
        revived = repository.revive(session, twin.id, columns)
        session.commit()
        session.refresh(twin)
        return Accepted(twin, created=revived)


def get(reader: sessionmaker[Session], owner: str, dataset_id: str) -> Dataset:
    """One data set. Raises Problem (404)."""
    with reader() as session:
        row = repository.find(session, owner, dataset_id)
    if row is None:
        raise Problem.not_found("dataset", dataset_id)
    return row


def preview(reader: sessionmaker[Session], storage: Storage, owner: str, dataset_id: str) -> bytes:
    """The preview that was made when the data set came, as JSON. Raises Problem (404)."""
    row = get(reader, owner, dataset_id)
    try:
        return storage.get_bytes(f"{row.prefix}/preview.json")
    except FileNotFoundError:  # deleted in between
        raise Problem.not_found("dataset", dataset_id) from None


def delete(writer: sessionmaker[Session], storage: Storage, owner: str, dataset_id: str) -> None:
    """Let go of a data set: its arrays are deleted, finished searches keep their results.

    Raises Problem: 404, or 409 while a search that is not finished uses it.
    """
    with writer() as session:
        row = repository.find(session, owner, dataset_id, lock=True)
        if row is None:
            raise Problem.not_found("dataset", dataset_id)
        searches = repository.unfinished_searches(session, dataset_id, NAMED_SEARCHES)
        if searches:
            raise Problem(
                409,
                "The data set is in use",
                f"Searches that are not finished use it: {', '.join(searches)}. Cancel them or wait for them.",
                slug="in-use",
            )
        row.deleted_at = utc_now()
        session.commit()
    storage.delete_prefix(row.prefix)
