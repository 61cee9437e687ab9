"""The provider classes that stand in users' state: their import path never changes.

They are pickled by reference and have no attributes of their own. What they do is in `calls`, which is loaded with
the first call only: a program that declares resources needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from pulumi_cph import engine

if TYPE_CHECKING:
    from pulumi_cph.state import Shape

engine.install()


class _PowerProvider(ResourceProvider):
    """Hands the engine's calls on, with what tells the two resources apart."""

    serialize_as_secret_always = False
    kind: ClassVar[str]

    def configure(self, req: ConfigureRequest) -> None:
        from pulumi_cph import calls

        calls.configure(req.config.get)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from pulumi_cph import calls

        return calls.check(self._shape(), _olds, news)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        from pulumi_cph import calls

        return calls.diff(self._shape(), _olds, _news)

    def create(self, props: dict[str, Any]) -> CreateResult:
        from pulumi_cph import calls

        return calls.create(self._shape(), props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from pulumi_cph import calls

        return calls.read(self._shape(), id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        from pulumi_cph import calls

        return calls.update(self._shape(), _id, _olds, _news)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        from pulumi_cph import calls

        calls.delete(self._shape(), _props)

    @classmethod
    def _shape(cls) -> Shape:
        from pulumi_cph import state

        return state.SHAPES[cls.kind]


class PhonePowerProvider(_PowerProvider):
    """Serves `PhonePower`."""

    kind = "phone"


class FleetPowerProvider(_PowerProvider):
    """Serves `FleetPower`."""

    kind = "fleet"
