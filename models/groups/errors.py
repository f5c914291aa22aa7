"""What can be wrong with a candidate."""


class CandidateError(ValueError):
    """A candidate that cannot be searched for.

    `index` is its place in the caller's list, None when the list as a whole is at fault; `detail` names the remedy.
    """

    def __init__(self, index: int | None, detail: str) -> None:
        super().__init__(detail)
        self.index = index
        self.detail = detail
