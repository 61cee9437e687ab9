"""For all tests: nothing of the user's own cloud or Pulumi account can be reached from here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

FOREIGN = ("HW_", "HUAWEICLOUD_", "CPH_", "PULUMI_")


def pytest_configure() -> None:
    # A background job of a shell ignores SIGINT, and so would every CLI that a test starts: the engine ends its plugins
    # with it, and waits five seconds for those that do not hear.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_credentials_of_the_user() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN):
                patch.delenv(name)
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield
