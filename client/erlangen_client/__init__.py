"""Erlangen from Python: send data, get its ranked symmetry groups with the evidence.

from erlangen_client import Client

result = Client().search(x, y)
print(result.summary)
"""

from erlangen_client.aio import AsyncClient
from erlangen_client.answers import (
    Best,
    ClassCount,
    Dataset,
    Estimate,
    Event,
    Group,
    OfferedGroup,
    OfferedGroups,
    Preview,
    PreviewSample,
    Progress,
    Ready,
    Result,
    Search,
    TargetHistogram,
)
from erlangen_client.api import Sent
from erlangen_client.client import Client
from erlangen_client.errors import (
    BadPart,
    ErlangenError,
    InputError,
    SearchFailed,
    ServiceError,
    UnexpectedAnswer,
    Unreachable,
)
from erlangen_client.findings import (
    Candidate,
    Curve,
    Curves,
    Defect,
    Element,
    Elements,
    Equivariance,
    EquivarianceRow,
    Evidence,
    Interval,
    LabelsSaved,
    Lattice,
    LatticeNode,
    PairedLoss,
    RankedGroup,
    Ranking,
    Support,
)
from erlangen_client.gallery import Gallery, GalleryElement, GallerySample, Guess, Orbit, OrbitPicture
from erlangen_client.steps import DEFAULT_URL
from erlangen_client.version import VERSION

__all__ = [
    "DEFAULT_URL",
    "VERSION",
    "AsyncClient",
    "BadPart",
    "Best",
    "Candidate",
    "ClassCount",
    "Client",
    "Curve",
    "Curves",
    "Dataset",
    "Defect",
    "Element",
    "Elements",
    "Equivariance",
    "EquivarianceRow",
    "ErlangenError",
    "Estimate",
    "Event",
    "Evidence",
    "Gallery",
    "GalleryElement",
    "GallerySample",
    "Group",
    "Guess",
    "InputError",
    "Interval",
    "LabelsSaved",
    "Lattice",
    "LatticeNode",
    "OfferedGroup",
    "OfferedGroups",
    "Orbit",
    "OrbitPicture",
    "PairedLoss",
    "Preview",
    "PreviewSample",
    "Progress",
    "RankedGroup",
    "Ranking",
    "Ready",
    "Result",
    "Search",
    "SearchFailed",
    "Sent",
    "ServiceError",
    "Support",
    "TargetHistogram",
    "UnexpectedAnswer",
    "Unreachable",
]
