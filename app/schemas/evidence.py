"""What a search finds about its data as a whole: one optional part for each kind of finding."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Stopping(BaseModel):
    """What stopping early has saved."""

    spared: int = Field(description="Candidates that were not trained.", examples=[7])
    of: int = Field(description="Candidates of the search.", examples=[10])
    seconds: float | None = Field(description="About how long training them would have taken.", examples=[84.0])


class SearchEvidence(BaseModel):
    """Parts are null until the search is done, and where they do not apply."""

    stopping: Stopping | None = Field(None, description="With `stopping: settled`, when some candidate was spared.")
