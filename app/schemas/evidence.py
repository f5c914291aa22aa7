"""What a search finds about its data as a whole: one optional part for each kind of finding."""

from __future__ import annotations

from pydantic import BaseModel


class SearchEvidence(BaseModel):
    """Parts are null until the search is done, and where they do not apply."""
