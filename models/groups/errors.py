"""What can be wrong with a candidate."""


class CandidateError(ValueError):
    """A candidate that cannot be searched for.

    `index` is its place in the caller's list, None when the list as a whole is at fault; `field` the field of it that
    is wrong, where one is; `detail` names the remedy.
    """

    def __init__(self, index: int | None, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.index = index
        self.detail = detail
        self.field = field
