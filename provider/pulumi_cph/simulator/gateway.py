"""The API gateway in front of the service: who may come in, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field

from pulumi_cph.simulator.clock import Clock
from pulumi_cph.simulator.codes import Refused
from pulumi_cph.simulator.options import Options
from pulumi_cph.simulator.signature import INCORRECT, AccessKey, Authorization, verify
from pulumi_cph.simulator.wire import Request


@dataclass
class Gateway:
    """The keys and tokens of one account, with what is counted against them."""

    clock: Clock
    """Runs lock-outs, rate windows and the life of tokens."""
    wall: Clock
    """What the date of a signed request is compared with; apart from `clock`, which a test may step."""
    keys: dict[str, AccessKey] = field(default_factory=dict)
    """The account's access keys, by access key. Tests may add and remove keys."""
    tokens: dict[str, float] = field(default_factory=dict, repr=False)
    """Valid user tokens, and when each expires in seconds since 1970."""
    _failures: dict[str, int] = field(default_factory=dict)
    _locked_until: dict[str, float] = field(default_factory=dict)
    _windows: dict[str, tuple[int, int]] = field(default_factory=dict)

    def admit(self, request: Request, call: str, options: Options) -> None:
        """Let the request in, or raise Refused: 401 when it is not authentic, 429 when there are too many."""
        if options.signature_required:
            self._authenticate(request, options)
        self._throttle(call, options)

    def clear(self) -> None:
        """Forget failures, lock-outs and rates; keys and tokens stay."""
        self._failures.clear()
        self._locked_until.clear()
        self._windows.clear()

    def _authenticate(self, request: Request, options: Options) -> None:
        token = request.headers.get("x-auth-token")
        if token is not None:
            if token not in self.tokens:
                raise Refused("APIGW.0301", INCORRECT + "decrypt token fail")
            if self.tokens[token] <= self.clock():
                raise Refused("APIGW.0307")
            return
        if "authorization" not in request.headers:
            raise Refused("APIGW.0301", INCORRECT + "x-auth-token not found")
        access_key = Authorization.parse(request.headers["authorization"]).access_key
        if self._locked_until.get(access_key, 0.0) > self.clock():
            message = f"{INCORRECT}AK access failed to reach the limit,forbidden: {access_key}"
            raise Refused("APIGW.0301", message)
        try:
            verify(request, self.keys, self.wall(), max_skew=options.max_skew, skew_code=options.skew_code)
        except Refused:
            self._count_failure(access_key, options)
            raise
        self._failures.pop(access_key, None)

    def _count_failure(self, access_key: str, options: Options) -> None:
        failures = self._failures.get(access_key, 0) + 1
        self._failures[access_key] = failures
        if failures > options.lock_after:
            self._locked_until[access_key] = self.clock() + options.lock_seconds
            self._failures.pop(access_key)

    def _throttle(self, call: str, options: Options) -> None:
        if options.rate_limit is None:
            return
        window = int(self.clock() / options.rate_window)
        last, used = self._windows.get(call, (window, 0))
        used = used + 1 if last == window else 1
        self._windows[call] = (window, used)
        if used > options.rate_limit:
            limit = f"limit:{options.rate_limit},time:{options.rate_window:g} second"
            message = f"The throttling threshold has been reached: policy user over ratelimit,{limit}"
            headers = {} if options.retry_after is None else {"retry-after": str(options.retry_after)}
            raise Refused("APIGW.0308", message, headers=headers)
