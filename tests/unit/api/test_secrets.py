"""No error, no model and no repr shows a credential, in any form."""

from __future__ import annotations

import base64
import traceback
from urllib.parse import quote

import pytest

from pulumi_cph.api import (
    ApiError,
    ConnectionFailed,
    HttpResponse,
    KeyPair,
    Token,
)
from tests.unit.api.wire import PHONE, Rig, reply

CREDENTIALS = [
    KeyPair("AK+secret/id=0001", "SK/secret+key=0001", "ST+secret/token=0001"),
    Token("TK+se/cret=" * 50),
]


def forms(secret):
    octets = secret.encode()
    plain = [secret, quote(secret, safe=""), quote(secret), octets.hex(), octets.hex().upper()]
    return [*plain, base64.b64encode(octets).decode(), base64.urlsafe_b64encode(octets).decode()]


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=repr)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 429, 500])
@pytest.mark.parametrize("shape", ["json", "text", "page", "header", "transport"])
def test_no_error_ever_shows_a_credential(credentials, status, shape):
    echoes = [form for secret in credentials.secrets() for form in forms(secret)]

    def echo(request):
        text = " ".join([*echoes, *request.headers.values()])
        if shape == "transport":
            raise ConnectionFailed(text, sent=True)
        if shape == "header":
            named = dict.fromkeys(("Location", "X-Request-Id", "Retry-After", "Date"), echoes[0])
            return HttpResponse(status, named, b"{")
        if shape == "json":
            body = {"error_code": echoes[0], "error_msg": text, "request_id": echoes[0]}
            return reply(status, {**body, "jobs": [{"phone_id": 1}]})
        return reply(status, (f"<html>{text}</html>" if shape == "page" else text).encode())

    rig = Rig(echo, credentials=credentials)
    with pytest.raises(ApiError) as caught:
        rig.client.stop_phones([PHONE])
    error = caught.value
    lines = traceback.TracebackException(type(error), error, None).format()
    shown = [str(error), repr(error), repr(error.args), repr(vars(error)), "".join(lines)]
    shown += [repr(rig.transport.sent), repr(rig.connection), repr(rig.client)]
    for text in shown:
        assert not [form for form in echoes if form.lower() in text.lower()]


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=repr)
def test_no_refused_phone_ever_shows_a_credential(credentials):
    secrets = [form for secret in credentials.secrets() for form in forms(secret)]
    entries = [{"phone_id": PHONE, "error_code": "CPS.0004", "error_msg": f"because {form}"} for form in secrets]
    answer = Rig(reply(200, {"jobs": entries}), credentials=credentials).client.stop_phones([PHONE])
    assert not [form for form in secrets if form in repr(answer)]
