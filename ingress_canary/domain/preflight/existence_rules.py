"""Existence rules (rules 0): Ingress, Services and ports that must exist, whatever the controller."""

from collections.abc import Iterator
from datetime import datetime

from ingress_canary.api import ROLLOUT_KIND
from ingress_canary.api.rollout_status import AT_REST
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.preflight.inputs import CARRYING, PreflightInputs, Rival
from ingress_canary.domain.preflight.problem import RuleFlag
from ingress_canary.domain.preflight.rule import RuleFinding, rule

EXTERNAL_NAME = "ExternalName"


@rule(0, flags=RuleFlag.EXISTENCE)
def primary_exists(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The primary Ingress is there and is not being deleted.

    Remedy: create it, or name the right one in spec.ingresses.
    """
    key, field = Key(subject.key.namespace, subject.spec.primary), "spec.ingresses[0]"
    if subject.primary is None:
        yield RuleFinding(
            subject.label,
            field,
            f"Ingress {key} does not exist",
            "create it, or name the right one; mind its namespace",
        )
    elif subject.primary.meta.deleting:
        yield RuleFinding(
            subject.label,
            field,
            f"Ingress {key} is being deleted",
            "wait until it is created anew, or name another one",
        )


@rule(0, flags=RuleFlag.EXISTENCE)
def stable_service_exists(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The stable Service is there.

    Remedy: create it, or name the right one in spec.stableService.
    """
    yield from _missing_service(subject, subject.stable, "spec.stableService")


@rule(0, flags=RuleFlag.EXISTENCE)
def primary_leads_to_stable_service(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """At least one path of a rule of the primary leads to the stable Service; a default backend is no path.

    Remedy: name the Service that the primary's paths lead to in spec.stableService.
    """
    if subject.primary is None or subject.ports:
        return
    led = sorted(
        {path.backend.service or "" for ingress_rule in subject.primary.rules for path in ingress_rule.paths or ()}
        - {""}
    )
    explanation = f"its paths lead to {', '.join(led)}" if led else "it has no path that leads to a Service"
    yield RuleFinding(
        subject.label,
        "spec.stableService",
        f"no path of Ingress {subject.primary.meta.key} leads to Service {subject.stable}: {explanation}",
        "name one of these Services, or give the primary a rule with a path to this one",
    )


@rule(0, flags=RuleFlag.EXISTENCE)
def stable_port_resolves(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The port by which the primary reaches the stable Service is one of the Service's.

    Remedy: correct the port in the primary, or add it to the Service.
    """
    service = subject.view.service(subject.stable)
    if subject.primary is None or service is None or service.type == EXTERNAL_NAME:
        return
    for port, field in subject.port_fields().items():
        if not service.has_port(port):
            yield RuleFinding(
                f"Ingress {subject.primary.meta.key}",
                field,
                f"Service {subject.stable} has no port {port or '(none given)'}",
                "correct the port in the Ingress, or add it to the Service",
            )


@rule(0, flags=RuleFlag.EXISTENCE)
def canary_service_exists(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The canary Service is there.

    Remedy: create it, or name the right one in spec.canaryService.
    """
    yield from _missing_service(subject, subject.canary, "spec.canaryService")


@rule(0, flags=RuleFlag.EXISTENCE)
def no_rival_comes_first(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """Of the unfinished CanaryRollouts on one Ingress or canary Service one goes on: the one begun, else the oldest.

    Remedy: wait until the other one has ended, or delete it.
    """
    mine = _turn(subject.phase in CARRYING or subject.shadow is not None, subject.created, subject.key)
    for rival in subject.rivals:
        field = _shared_field(subject, rival)
        if field is None or rival.key == subject.key or rival.phase in AT_REST:
            continue
        if _turn(rival.phase in CARRYING or rival.begun, rival.created, rival.key) < mine:
            yield RuleFinding(
                subject.label,
                field,
                f"CanaryRollout {rival.key} ({rival.phase}) uses the same one and comes first",
                "this one waits until that one has ended; delete it if it is not meant to be",
            )


@rule(0, flags=RuleFlag.EXISTENCE)
def shadow_name_is_free(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """No Ingress of somebody else has the shadow's name: it is refused, never taken over.

    Remedy: choose another name in spec.shadow.name; never remove the other Ingress while a CanaryRollout owns it.
    """
    key = Key(subject.key.namespace, subject.spec.shadow_name)
    taken = subject.view.ingress(key)
    if taken is None or subject.owns(taken):
        return
    owned = taken.meta.owner
    owner = f"{owned.kind} {owned.name}" if owned else "somebody else"
    live = owned is not None and owned.kind == ROLLOUT_KIND
    otherwise = "its removal would take that one's canary off" if live else "or remove that Ingress"
    yield RuleFinding(
        subject.label,
        "spec.shadow.name",
        f"Ingress {key} exists and belongs to {owner}",
        f"choose another spec.shadow.name{';' if live else ','} {otherwise}",
    )


def _shared_field(subject: PreflightInputs, rival: Rival) -> str | None:
    if rival.primary == subject.spec.primary:
        return "spec.ingresses[0]"
    return "spec.canaryService" if rival.canary_service == subject.spec.canary_service else None


def _turn(begun: bool, created: datetime, key: Key) -> tuple[bool, datetime, Key]:
    return not begun, created, key


def _missing_service(subject: PreflightInputs, key: Key, field: str) -> Iterator[RuleFinding]:
    service = subject.view.service(key)
    if service is None:
        yield RuleFinding(
            subject.label,
            field,
            f"Service {key} does not exist",
            "create it, or name the right one; mind its namespace",
        )
    elif service.meta.deleting:
        yield RuleFinding(subject.label, field, f"Service {key} is being deleted", "wait until it is created anew")
