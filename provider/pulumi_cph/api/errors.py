"""What can go wrong with a call, by meaning.

Every exception that leaves this package's calls is an `ApiError`: one line to read, fields to decide by.
Texts are free of credentials when they get here (`redaction`); how an answer becomes one of these is in
`failures`, and what to do about it in `policy`.
"""

from __future__ import annotations


class ApiError(Exception):
    """A call that failed. `str()` is one line made for a log.

    call         the operation, e.g. "batch-stop"
    code         the service's code: "CPS.0042", "APIGW.0308", "IAM.0011"; "401" where Keystone sends a number
    message      one line of at most 300 characters, without credentials
    http_status  None when no answer came
    request_id   the service's own id of the request, for its support
    retry_after  seconds the service asks to wait, as it said them
    attempts     how often the request was sent
    """

    def __init__(
        self,
        message: str,
        *,
        call: str,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.call = call
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = 1

    def __str__(self) -> str:
        said = f"{self.code} {self.message}" if self.code else self.message
        details = ", ".join(self._details())
        return f"{self.call}: {said} ({details})" if details else f"{self.call}: {said}"

    def _details(self) -> list[str]:
        details = []
        if self.http_status is not None:
            details.append(f"HTTP {self.http_status}")
        if self.request_id:
            details.append(f"request id {self.request_id}")
        if self.attempts > 1:
            details.append(f"{self.attempts} attempts")
        return details


class AuthenticationError(ApiError):
    """The credentials were refused (HTTP 401, or IAM's codes for an unusable key). Never sent again."""


class Closed(AuthenticationError):
    """Not sent: an earlier request of this process was refused, and its message is repeated here."""

    @classmethod
    def after(cls, refusal: AuthenticationError, call: str) -> Closed:
        """The error for a `call` that is not made because of `refusal`."""
        return cls(
            refusal.message,
            call=call,
            code=refusal.code,
            http_status=refusal.http_status,
            request_id=refusal.request_id,
        )

    def _details(self) -> list[str]:
        return ["not sent, refused before", *super()._details()]


class Throttled(ApiError):
    """Too many requests (HTTP 429). The request was not carried out."""


class ServerError(ApiError):
    """The service or the gateway failed (HTTP 5xx). The request may have been carried out."""


class RequestRejected(ApiError):
    """The service understood and declined (any other 4xx), or the request could not be formed."""


class InvalidResponse(ApiError):
    """A 2xx or 3xx answer that is not what the documents say: a page, cut off, too large, wrong types.

    `truncated` is True when the answer began well and ended early: asking again may help.
    """

    truncated: bool = False


class ConnectionFailed(ApiError):
    """No answer: refused, reset, timed out.

    `sent` is False only when the connection was never established, so that the service cannot have acted.
    """

    def __init__(self, message: str, *, call: str = "request", sent: bool) -> None:
        super().__init__(message, call=call)
        self.sent = sent


class Interrupted(ApiError):
    """The process was told to stop before the request was sent, or between two attempts.

    Raised by the `sleep` and `checkpoint` that are handed to `Limiter` and `Connection`.
    """

    def __init__(self, message: str = "interrupted", *, call: str = "request") -> None:
        super().__init__(message, call=call)


def phone_is_gone(error: ApiError) -> bool:
    """Whether `error`, the answer to a call about one phone, means that there is no such phone.

    CPS.0005 and CPS.0004 (bad id) whatever their HTTP status, on which the documents disagree, or a 404 without a
    code. A 404 with a gateway code is about the API's path, and one with another CPS code about something else.
    """
    return error.code in ("CPS.0004", "CPS.0005") or (error.http_status == 404 and error.code in (None, "404"))
