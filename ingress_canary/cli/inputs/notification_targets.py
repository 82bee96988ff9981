"""Targets of ``notifications test``: from a file, an object of the cluster, or one address."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ingress_canary.api import API_VERSION, ROLLOUT_KIND, SCHEDULE_KIND
from ingress_canary.api.notification import Addresses, Notification
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.units import AS_BEGUN
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.status.notices import Audience, NoticeSubject
from ingress_canary.settings import SettingsError, unread

if TYPE_CHECKING:
    from ingress_canary.adapters.kube.client.client import KubeClient

ALONE = Notification(name="test", secret_ref=Addresses(name="none", key="none"))
"""Where nothing but an address is named."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The targets that the command line names."""

    file: Path | None
    rollout: str | None
    schedule: str | None
    namespace: str
    """The daemon's own."""
    names: tuple[str, ...] = ()

    @property
    def of_cluster(self) -> bool:
        """Whether the cluster has to be read."""
        return self.rollout is not None or self.schedule is not None


Found = list[tuple[NoticeSubject, Audience]]


async def audiences(ask: Ask, session: "KubeClient | None") -> Found:
    """Return the recipients, and the rollout that the message is about. Raises ClusterError, SettingsError."""
    if ask.file is not None:
        recipients = _of_file(ask.file, ask.namespace)
    elif ask.of_cluster:
        assert session is not None
        try:
            recipients = [await _of_cluster(ask, session)]
        except ValidationError:
            what = ask.rollout or ask.schedule
            raise SettingsError(f"{what} or its schedule is not valid; `ingress-canary lint` says why") from None
    else:
        recipients = [(_subject(ask.namespace, "test"), Audience(ask.namespace, (ALONE,)))]
    there = {notification.name for _, audience in recipients for notification in audience.notifications}
    if missing := set(ask.names) - there:
        raise SettingsError(f"no notification {min(missing)}; there are {', '.join(sorted(there)) or 'none'}")
    if not there:
        raise SettingsError("no notifications are named there; add some to the schedule's spec.notifications")
    return recipients


def _of_file(file: Path, namespace: str) -> Found:
    """Return the notifications of every document of a file that has any."""
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(unread(file, error)) from None
    ours = [
        document
        for document in documents
        if isinstance(document, dict) and document.get("kind") in (ROLLOUT_KIND, SCHEDULE_KIND)
    ]
    if not ours:
        from ingress_canary.notifications import notifications_of  # noqa: PLC0415

        return [(_subject(namespace, "test"), Audience(namespace, notifications_of(file)))]
    try:
        recipients = [_of_document(document, namespace) for document in ours]
    except (ValidationError, KeyError, TypeError):
        raise SettingsError(f"{file}: is no valid schedule or rollout; `ingress-canary lint` says why") from None
    return [recipient for recipient in recipients if recipient is not None]


def _of_document(body: dict[str, Any], namespace: str) -> tuple[NoticeSubject, Audience] | None:
    """Return a document's notifications; None where a rollout names a shared schedule."""
    metadata = body["metadata"]
    about = _subject(
        metadata.get("namespace") or ("default" if body["kind"] == ROLLOUT_KIND else namespace), metadata["name"]
    )
    if body["kind"] == SCHEDULE_KIND:
        spec = ScheduleSpec.model_validate(body["spec"])
        return about, Audience(about.key.namespace, tuple(spec.notifications))
    inline = RolloutSpec.model_validate(body["spec"]).schedule.inline
    return None if inline is None else (about, Audience(about.key.namespace, tuple(inline.notifications)))


async def _of_cluster(ask: Ask, session: "KubeClient") -> tuple[NoticeSubject, Audience]:
    """Return the notifications of an object as the daemon would use them: a rollout's as begun, if it has begun."""
    kind, name = ("canaryrollouts", ask.rollout) if ask.rollout else ("canaryschedules", ask.schedule)
    about = _subject(*_split(name or ""))
    body = await _read(session, kind, about.key)
    if kind == "canaryschedules":
        return about, Audience(about.key.namespace, _notifications_of(body.get("spec") or {}))
    status = RolloutStatus.model_validate(body.get("status") or {}, extra="ignore")
    if status.schedule is not None:
        return about, Audience(
            status.schedule.namespace or about.key.namespace, _notifications_of(status.schedule.content, AS_BEGUN)
        )
    spec = RolloutSpec.model_validate(body.get("spec") or {}, extra="ignore")
    if spec.schedule.inline is not None:
        return about, Audience(about.key.namespace, tuple(spec.schedule.inline.notifications))
    assert spec.schedule.ref is not None
    where = Key(spec.schedule.ref.namespace or ask.namespace, spec.schedule.ref.name)
    shared = await _read(session, "canaryschedules", where)
    return about, Audience(where.namespace, _notifications_of(shared.get("spec") or {}))


async def _read(session: "KubeClient", kind: str, key: Key) -> Mapping[str, Any]:
    return await session.request("GET", f"/apis/{API_VERSION}/namespaces/{key.namespace}/{kind}/{key.name}")


def _notifications_of(content: Any, context: Mapping[str, Any] | None = None) -> tuple[Notification, ...]:
    return tuple(ScheduleSpec.model_validate(content, extra="ignore", context=context).notifications)


def _subject(namespace: str, name: str) -> NoticeSubject:
    return NoticeSubject(Key(namespace, name), "")


def _split(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name):
        raise SettingsError(f"{text} is no namespace/name, such as shop/checkout")
    return namespace, name
