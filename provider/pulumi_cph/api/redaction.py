"""Text from elsewhere, made fit for a log: one bounded line without a credential in it.

The gateway answers a wrong signature with the canonical request it computed, and an unknown access key with
that key; proxies answer with whole pages. All such text passes through here before it becomes a message.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MESSAGE_LIMIT: Final = 300
"""The longest message kept, in characters; enough for every published one, and a CI log stays readable."""

_MASK: Final = "***"
_READ: Final = 50_000  # characters looked at: a page of megabytes must not keep the patterns busy

# What names a secret by its place, whoever's it is. Values end at white space, at the separators of headers
# and JSON, and at "|", which the gateway writes for a newline.
_NAMED_SECRET: Final = re.compile(
    r"(?i)\b(signature|access|authorization|x-auth-token|x-security-token|x-subject-token|security_?token"
    r"|secret_?(?:access_?)?key|access_?key(?:_?id)?|ak|sk|password)"
    r"([\\\"']*\s*[=:]\s*[\\\"']*)(?:(?:SDK-HMAC-SHA256|Bearer|Basic)\s+)?[^\s|,;\\\"'&<>]+"
)
# IAM tokens are kilobytes of base64; identifiers have 32 characters and digests 64.
_LONG_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/=_\-]{80,}")
_BLANKS: Final = re.compile(r"\s+")


def one_line(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """`text` as one printable line of at most `limit` characters; what is cut off shows as "..."."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = _BLANKS.sub(" ", printable).strip()
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


class Redaction:
    """Makes lines of text that may repeat any of the given secrets, in any of the usual encodings."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A "secret" of a few characters would blot out ordinary words; real ones have twenty and more.
        forms = {form for secret in secrets if len(secret) >= 4 for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None

    def line(self, text: str, limit: int = MESSAGE_LIMIT) -> str:
        """`text` without credentials, as `one_line` shapes it. Cut last: half a secret is one, too."""
        text = text[:_READ]
        known = self._known.sub(_MASK, text) if self._known else text
        named = _NAMED_SECRET.sub(rf"\1\2{_MASK}", known)
        return one_line(_LONG_OPAQUE.sub(_MASK, named), limit)


def _forms(secret: str) -> set[str]:
    """`secret` plain, percent-encoded, in base64 and in hex; matched without regard to case."""
    octets = secret.encode("utf-8", "surrogatepass")
    return {
        secret,
        quote(octets, safe=""),
        quote(octets),
        quote_plus(octets),
        base64.b64encode(octets).decode().rstrip("="),
        base64.urlsafe_b64encode(octets).decode().rstrip("="),
        octets.hex(),
    }
