"""The published error codes this simulator can answer with: their messages and HTTP statuses.

Messages are those of the service's published tables. Which HTTP status a ``CPS.`` code has
depends on the age of the document one reads: see `http_status`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

CpsHttp = Literal["modern", "legacy"]

MESSAGES = {
    "CPS.0001": "No permission to request resources.",
    "CPS.0002": "Parameter: offset or limit is invalid.",
    "CPS.0003": "Service internal error.",
    "CPS.0004": "Invalid phone id.",
    "CPS.0005": "Phone is not found.",
    "CPS.0006": "No permission to request resources. Role is op_restricted.",
    "CPS.0007": "No permission to request resources. Role is op_suspended.",
    "CPS.0008": "No permission to request resources. Role is op_unverified.",
    "CPS.0009": "Parameter: phone_id list is empty.",
    "CPS.0010": "Parameter: status is invalid.",
    "CPS.0011": "Job not found.",
    "CPS.0042": "System busy.",
    "CPS.0048": "Parameter: job_id is empty.",
    "CPS.0049": "Parameter: request_id is empty.",
    "CPS.0050": "Jobs related to this requestId is not found.",
    "CPS.0053": "No permission to request resources. Phone is freezed.",
    "CPS.0054": "Handle job timeout.",
    "CPS.0077": "Parameter: phones list is invalid.",
    "CPS.0078": "Parameter: property is invalid.",
    "CPS.0080": "Parameter: phone_ids is invalid.",
    "CPS.0081": "Parameter: phone_ids and phones are both empty.",
    "CPS.0116": "Parameter: type is invalid.",
    "CPS.0141": "Phone is not in running status.",
    "CPS.0161": "Parameter: the number of request IDs has exceeded the limit.",
    "CPS.0165": "The phone must be in stopped or running status.",
    "CPS.0166": "Phone image not found.",
    "CPS.0190": "The number of phones exceeds the limit.",
    "APIGW.0101": "The API does not exist or has not been published in the environment",
    "APIGW.0301": "Incorrect IAM authentication information",
    "APIGW.0303": "Incorrect app authentication information",
    "APIGW.0307": "The token must be updated.",
    "APIGW.0308": "The throttling threshold has been reached",
    "APIGW.0310": "The project is unavailable.",
}

_MODERN = {
    "CPS.0001": 403,
    "CPS.0003": 500,
    "CPS.0005": 404,
    "CPS.0006": 403,
    "CPS.0007": 403,
    "CPS.0008": 403,
    "CPS.0011": 404,
}
_GATEWAY = {
    "APIGW.0101": 404,
    "APIGW.0301": 401,
    "APIGW.0303": 401,
    "APIGW.0307": 401,
    "APIGW.0308": 429,
    "APIGW.0310": 403,
}


def http_status(code: str, cps_http: CpsHttp) -> int:
    """The HTTP status that goes with `code`.

    ``legacy``: the table of 2021, in which every ``CPS.`` code is a 400. ``modern``: the present page leaves
    permission, internal and not-found codes out of its group 400, so they are 403, 500 and 404.
    """
    if code in _GATEWAY:
        return _GATEWAY[code]
    return _MODERN.get(code, 400) if cps_http == "modern" else 400


@dataclass(eq=False)
class Refused(Exception):
    """A request, or one phone of a request, that is turned down with a published code."""

    code: str
    message: str = ""
    """What the service says; the published message of `code` when left empty."""
    status: int | None = None
    """An HTTP status that overrides the one that belongs to `code`."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that go with the answer, such as ``Retry-After``."""

    def __post_init__(self) -> None:
        self.message = self.message or MESSAGES.get(self.code, "")
        super().__init__(f"{self.code} {self.message}")
