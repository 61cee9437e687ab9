"""`get_phones`: which phones there are, for programs, as a data source.

Runs in the program's own process, with the same settings as the provider.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime import get_config

from pulumi_cph.status import word_of

if TYPE_CHECKING:
    from pulumi_cph import session as sn
    from pulumi_cph.api.models import Phone, PhonePage


@dataclass(frozen=True)
class FoundPhone:
    """A phone as the listing shows it. `status` is its published status as a word, such as "running"."""

    phone_id: str
    name: str
    server_id: str
    status: str


_latest: sn.Session | None = None


def _session() -> sn.Session:
    """The session of the settings as they are now: a process may run the programs of several stacks."""
    from pulumi_cph import session as sn
    from pulumi_cph import settings

    global _latest
    now = settings.read(get_config, dict(os.environ))
    if _latest is None or _latest.settings != now:
        _latest = sn.Session(now)
    return _latest


def get_phones(
    *,
    server_id: str | None = None,
    name: str | None = None,
    region: str | None = None,
    project_id: str | None = None,
) -> list[FoundPhone]:
    """The phones of a region and project, in the order of their creation, newest first.

    Args:
        server_id: only phones of this server.
        name: only phones whose name contains this text.
        region: default `cph:region`.
        project_id: default `cph:projectId`, else looked up by the region's name.

    Raises:
        pulumi.RunError: settings are missing or the service declined; one sentence, no traceback in the CLI.
    """
    # Not at import: most programs look nothing up, and these are half of the package.
    from pulumi_cph.api.errors import ApiError
    from pulumi_cph.settings import SettingsError

    try:
        session = _session()
        client = session.client(session.place(region, project_id).key)

        def page(offset: int) -> Callable[[], PhonePage]:
            return lambda: client.list_phones(offset=offset, server_id=server_id, phone_name=name)

        phones = _all(page, session)
    except (ApiError, SettingsError) as error:
        raise pulumi.RunError(f"get_phones: {error}") from None
    return [FoundPhone(p.phone_id, p.name, p.server_id, word_of(p.status)) for p in phones]


def _all(page: Callable[[int], Callable[[], PhonePage]], session: sn.Session) -> list[Phone]:
    """Every phone of a paged listing, each once: a listing that changes while it is paged may repeat some. It ends
    where nothing new comes, whatever `count` says."""
    from pulumi_cph.observe import CHUNK, PAGE

    last = page(0)()
    count, at = last.count or 0, PAGE
    phones = {phone.phone_id: phone for phone in last.phones}
    while at < count or len(last.phones) == PAGE:
        offsets = range(at, max(min(count, at + CHUNK * PAGE), at + 1), PAGE)
        pages = session.together([page(offset) for offset in offsets])
        known = len(phones)
        phones.update({phone.phone_id: phone for found in pages for phone in found.phones})
        if len(phones) == known:
            # It ends before its `count`, or repeats itself.
            break
        last, at = pages[-1], offsets[-1] + PAGE
    return list(phones.values())
