"""The cloud phone service over HTTP: calls, answers, errors, and how fast and how often to ask.

Knows nothing of Pulumi, and nothing of what the calls are for.
"""

from __future__ import annotations

from .client import JOBS_LIMIT, PHONES_LIMIT, REQUEST_IDS_LIMIT, Client, Iam
from .connection import Connection, RetryQuota
from .errors import (
    ApiError,
    AuthenticationError,
    Closed,
    ConnectionFailed,
    Interrupted,
    InvalidResponse,
    RequestRejected,
    ServerError,
    Throttled,
    phone_is_gone,
)
from .limiter import CredentialGate, Limiter, Pace
from .models import (
    JOB_FAILED,
    JOB_RUNNING,
    JOB_SUCCEEDED,
    BatchAnswer,
    BatchEntry,
    Job,
    Phone,
    PhonePage,
)
from .policy import Action, action_for, outcome_unknown
from .signing import Credentials, KeyPair, Token
from .transport import HttpRequest, HttpResponse, RequestsTransport, Transport

__all__ = [
    "JOBS_LIMIT",
    "JOB_FAILED",
    "JOB_RUNNING",
    "JOB_SUCCEEDED",
    "PHONES_LIMIT",
    "REQUEST_IDS_LIMIT",
    "Action",
    "ApiError",
    "AuthenticationError",
    "BatchAnswer",
    "BatchEntry",
    "Client",
    "Closed",
    "Connection",
    "ConnectionFailed",
    "CredentialGate",
    "Credentials",
    "HttpRequest",
    "HttpResponse",
    "Iam",
    "Interrupted",
    "InvalidResponse",
    "Job",
    "KeyPair",
    "Limiter",
    "Pace",
    "Phone",
    "PhonePage",
    "RequestRejected",
    "RequestsTransport",
    "RetryQuota",
    "ServerError",
    "Throttled",
    "Token",
    "Transport",
    "action_for",
    "outcome_unknown",
    "phone_is_gone",
]
