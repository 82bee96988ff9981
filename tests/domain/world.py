"""A rollout in a world of plain values: the cluster, the shadow and the source as data, driven by the real passes.

``World.pass_()`` gathers from these values and applies the effects to them, where the engine asks caches and writes to
an API; what is in between is the engine's own ``assemble``, ``decide`` and ``effects``. A crash forgets what memory
forgets.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, assert_never

from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.rollout_status import RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import Decision, NewerSchedule, Observation, Obstacle
from ingress_canary.domain.evaluation.evaluation import Evaluation
from ingress_canary.domain.gates.schedule import GateAnswer
from ingress_canary.domain.metrics.samples import Instance, OrphanTypes, Reading, Series
from ingress_canary.domain.objects.field_ownership import OBJECT, SCALE
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Json, Key, Owner
from ingress_canary.domain.objects.workload import Workload
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.preflight.rule_cache import CachedPreflight
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.reconcile.assemble import FIGHT_UNDOINGS, AssembledPass, assemble
from ingress_canary.domain.reconcile.effects import (
    ClearAction,
    CreateShadow,
    DeleteShadow,
    Effects,
    ForgetDenial,
    PatchShadow,
    ReleaseOwnership,
    Removal,
    RemoveLeftover,
    SetImages,
    SetReplicas,
    StartSettling,
    TakeOffShadow,
    Write,
    effects,
    status_due,
)
from ingress_canary.domain.reconcile.inputs import OwnedShadow, PassInputs, PassMemory, PassOptions, RouteInputs
from ingress_canary.domain.reconcile.routes import manifest_of
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.status.publish import (
    StoredTexts,
    newsworthy_messages,
    shown_status,
    stored_texts,
    unchanged,
    worth_writing,
)
from ingress_canary.domain.traffic.router.nginx.router import PREFIX, NginxRouter
from ingress_canary.domain.traffic.shadow_removal import OFF
from ingress_canary.domain.workload.release_ownership import OwnedPart
from ingress_canary.lab.kubeapi.storage.patches import merge
from tests.domain.cluster_view import ClusterView
from tests.domain.shop import ingress_class, pods, service

ROUTER = NginxRouter()
BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
KEY = Key("shop", "checkout")
OWNER = Owner("CanaryRollout", KEY.name, "uid-1")
INTERVAL = 10.0
CHECKPOINT = timedelta(seconds=60)

SCHEDULE: dict[str, Any] = {
    "steps": [{"weight": 5, "bake": "1m"}, {"weight": 50, "bake": "1m"}, {"weight": 100, "bake": "1m"}],
    "slos": [{"name": "availability", "objective": 99.5, "sli": {"requests": {}}}],
}
PRIMARY: dict[str, Any] = {
    "metadata": {"name": "checkout", "namespace": "shop", "uid": "uid-primary"},
    "spec": {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "shop.example",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "checkout", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
    },
}
FOREIGN: dict[str, Any] = {
    "kind": "Ingress",
    "metadata": {
        "name": "checkout-canary",
        "namespace": "shop",
        "uid": "somebody-else's",
        "ownerReferences": [{"kind": "CanaryRollout", "name": "other", "uid": "uid-2", "controller": True}],
    },
    "spec": {"ingressClassName": "internal"},
}


def deployment(name: str, image: str, *, rolled_out: bool = True, **container: Any) -> Workload:
    """Return a Deployment of one container."""
    ready = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2 if rolled_out else 0}
    return Workload.of(
        {
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "shop", "generation": 1},
            "spec": {
                "replicas": 2,
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "app", "image": image, **container}]},
                },
            },
            "status": ready,
        }
    )


def rollout(**spec: Any) -> RolloutSpec:
    """Return the spec of a rollout with workloads and the schedule above, changed by ``spec``."""
    base = {
        "ingresses": ["checkout"],
        "stableService": "checkout",
        "canaryService": "checkout-canary",
        "workload": {"canary": {"name": "checkout-canary"}, "stable": {"name": "checkout"}},
        "schedule": {"inline": SCHEDULE},
    }
    return RolloutSpec.model_validate({**base, **spec}, extra="forbid")


def schedule(**changes: Any) -> ScheduleSpec:
    """Return the schedule above with some members changed."""
    return ScheduleSpec.model_validate({**SCHEDULE, **changes}, extra="forbid")


@cache
def _course(content: str) -> CompiledSchedule:
    """Return the course of a schedule, made once for each content."""
    return CompiledSchedule.of(ScheduleSpec.model_validate_json(content))


@dataclass
class Traffic:
    """Requests of one tick and the share of them that fails, by side."""

    rate: float = 200
    canary: float = 0.0
    stable: float = 0.0
    slow: Mapping[str, float] | None = None
    """By upstream, stable's is "": the share of requests that take longer than 250 ms; None without any histogram."""


@dataclass
class World:
    """One rollout, its cluster and its source."""

    spec: RolloutSpec = field(default_factory=rollout)
    schedule: ScheduleSpec | None = field(default_factory=schedule)
    status: RolloutStatus = field(default_factory=RolloutStatus)
    canary: Workload | None = field(default_factory=lambda: deployment("checkout-canary", "app:v2"))
    stable: Workload | None = field(default_factory=lambda: deployment("checkout", "app:v1"))
    primary: dict[str, Any] = field(default_factory=lambda: PRIMARY)
    shadow: dict[str, Any] | None = None
    foreign: bool = False
    obstacles: tuple[Obstacle, ...] = ()
    problems: tuple[Problem, ...] | None = None
    """What preflight finds in place of what its rules find in this world."""
    rejected: str | None = None
    fighting: str | None = None
    frozen: str | None = None
    """Why nothing advances anywhere."""
    outdated: str | None = None
    """That the schedule begun with is not the one that there is now."""
    usable: bool = True
    """Whether a rollout could begin with what there is in its place."""
    denied: str | None = None
    """The API refuses to change a workload, with these words."""
    images_set: list[str] = field(default_factory=list)
    """The images that the daemon gave to stable, in order."""
    replicas_set: list[int] = field(default_factory=list)
    """The replicas that the daemon gave to the canary, in order."""
    released: list[tuple[str, str]] = field(default_factory=list)
    """Workload and part whose ownership the daemon gave up, in order."""
    stable_ready: int = 2
    canary_ready: int = 2
    warm_up: float = 30
    now: datetime = BEGIN
    traffic: Traffic = field(default_factory=Traffic)
    outage: str | None = None
    arguments: tuple[str, ...] | None = None
    """Of the controllers; None where they are not known."""
    orphaned: bool | None = None
    evaluation: Evaluation | None = None
    action: str | None = None
    decisions: list[Decision] = field(default_factory=list)
    shadows: int = 0
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    quick: dict[str, int] = field(default_factory=dict)
    """By upstream: requests that took less than 250 ms, of all that its histogram has."""
    refuse_status: bool = False
    """The API refuses to store any status."""
    lose_answers: bool = False
    """The API stores every status, and its answer is lost."""
    refuse_patch: bool = False
    """The API refuses to change the shadow; to delete it is allowed."""
    others: tuple[dict[str, Any], ...] = ()
    """Further objects of the cluster."""
    leftovers: tuple[dict[str, Any], ...] = ()
    """Further Ingresses whose owner is this rollout."""
    answers: dict[str, GateAnswer] = field(default_factory=dict)
    """By the gate's name, what webhook gates have answered since the last pass."""
    memory: PassMemory = field(default_factory=PassMemory)
    """What a process remembers, besides the evaluation."""
    written: datetime = BEGIN
    texts: StoredTexts = field(default_factory=dict)
    """What the texts say that were stored since the process began."""
    _check: CachedPreflight = field(default_factory=CachedPreflight)
    _cluster: tuple[tuple[Any, ...], ClusterView] | None = None

    # -- what the outside does ------------------------------------------------------------------------------------

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Let another writer edit the shadow."""
        assert self.shadow is not None
        metadata, spec = self.shadow["metadata"], self.shadow["spec"]
        edited = {
            "metadata": {**metadata, "annotations": dict(metadata["annotations"])},
            "spec": {**spec, "rules": [dict(rule) for rule in spec["rules"]]},
        }
        change(edited)
        self.shadow = edited

    def annotate(self, **values: str | None) -> None:
        """Let another writer set or remove annotations of the shadow; underscores stand for hyphens."""

        def change(shadow: dict[str, Any]) -> None:
            for key, value in values.items():
                name = f"{PREFIX}/{key.replace('_', '-')}"
                if value is None:
                    shadow["metadata"]["annotations"].pop(name, None)
                else:
                    shadow["metadata"]["annotations"][name] = value

        self.edit(change)

    def hold(self, *finalizers: str) -> None:
        """Let another writer put finalizers on the shadow, or take them off: what waited for that is gone then."""
        assert self.shadow is not None
        metadata = {**self.shadow["metadata"], "finalizers": list(finalizers)}
        released = not finalizers and "deletionTimestamp" in metadata
        self.shadow = None if released else {**self.shadow, "metadata": metadata}

    def delete_shadow(self) -> None:
        """Let anybody delete the shadow, which a finalizer holds where there is one."""
        assert self.shadow is not None
        metadata = {"deletionTimestamp": f"{self.now:%Y-%m-%dT%H:%M:%SZ}", **self.shadow["metadata"]}
        self.shadow = {**self.shadow, "metadata": metadata} if metadata.get("finalizers") else None

    def crash(self) -> None:
        """Forget what a process forgets when it dies."""
        self.evaluation, self.memory, self.answers, self.texts = None, PassMemory(), {}, {}

    # -- what the daemon does -------------------------------------------------------------------------------------

    @property
    def weight(self) -> float:
        """The weight that the controller reads off the shadow; 0 without one."""
        exposure = ROUTER.exposure(Ingress.of(self.shadow)) if self.shadow else None
        return exposure.weight if exposure else 0.0

    @property
    def course(self) -> CompiledSchedule | None:
        """The schedule as begun, or as it is."""
        if self.status.schedule is not None:
            return _course(json.dumps(self.status.schedule.content))
        return None if self.schedule is None else _course(json.dumps(self.schedule.dump()))

    @property
    def _orphan_types(self) -> OrphanTypes | None:
        return None if self.orphaned is None else ("no-endpoint",) if self.orphaned else ()

    def read(self) -> Reading:
        """Return what the source says at this moment, and let a tick's traffic flow before."""
        if self.outage is not None:
            return Reading(self.now, error=self.outage)
        exposure = ROUTER.exposure(Ingress.of(self.shadow)) if self.shadow else None
        weight = exposure.weight / 100 if exposure and self.orphaned is not True else 0.0
        requests = self.traffic.rate * INTERVAL
        flow: Mapping[str, tuple[float, float]] = {
            "shop-checkout-canary-80": (requests * weight, self.traffic.canary),
            "": (requests * (1 - weight), self.traffic.stable),
        }
        for upstream, (count, bad) in flow.items():
            for code, share in (("200", 1 - bad), ("500", bad)):
                if count * share >= 1:
                    self.counters[upstream, code] = self.counters.get((upstream, code), 0) + round(count * share)
            if self.traffic.slow is not None:
                slow = self.traffic.slow.get(upstream, 0.0)
                self.quick[upstream] = self.quick.get(upstream, 0) + round(count * (1 - bad) * (1 - slow))
        series = (
            *(self._series("requests", value, upstream, code) for (upstream, code), value in self.counters.items()),
            *(series for upstream in self.quick for series in self._histogram(upstream)),
        )
        return Reading(self.now, (Instance("pod", BEGIN - timedelta(days=1)),), series, orphaned=self._orphan_types)

    def _histogram(self, upstream: str) -> Iterator[Series]:
        """Yield the histogram of an upstream's good requests, of which none takes more than a second."""
        total, family = self.counters.get((upstream, "200"), 0), "request_duration_seconds"
        yield self._series(f"{family}_count", total, upstream, "200")
        for bound, below in (("0.25", self.quick[upstream]), ("1", total), ("+Inf", total)):
            yield self._series(f"{family}_bucket", below, upstream, "200", le=bound)

    def _series(self, family: str, value: float, upstream: str, code: str, **labels: str) -> Series:
        labels |= {"namespace": "shop", "ingress": "checkout", "service": "checkout", "canary": upstream}
        return Series(f"nginx_ingress_controller_{family}", "pod", {**labels, "status": code}, value, self.now)

    @property
    def view(self) -> ClusterView:
        """The cluster around the rollout, as preflight's rules ask it."""
        shadows = self.shadow and {**self.shadow, "kind": "Ingress"}, FOREIGN if self.foreign else None
        made_of = (
            self.primary, *shadows, self.spec.stable_service, self.spec.canary_service, self.stable_ready,
            self.canary_ready, self.others, self.leftovers, self.arguments,
        )  # fmt: skip
        if self._cluster is None or self._cluster[0] != made_of:
            manifests = [{**self.primary, "kind": "Ingress"}, *filter(None, shadows), ingress_class()]
            sides = (self.spec.stable_service, self.stable_ready), (self.spec.canary_service, self.canary_ready)
            for net, (side, ready) in enumerate(sides):
                manifests += service(side), pods(side, *(f"10.{net}.0.{number}" for number in range(1, ready + 1)))
            self._cluster = made_of, ClusterView([*manifests, *self.leftovers, *self.others])
            self._cluster[1].controller_arguments = self.arguments
        return self._cluster[1]

    def gathered(self, reading: Reading | None = None) -> PassInputs:
        """Return what the engine would gather."""
        view, status, seconds = self.view, self.status, (self.now - BEGIN).total_seconds()
        memory = self.memory._replace(evaluation=self.evaluation)
        if self.fighting is not None:
            memory = memory._replace(undone=((seconds, self.fighting),) * (FIGHT_UNDOINGS + 1))
        name = status.shadow.name if status.shadow else self.spec.shadow_name
        named = Ingress.of(self.shadow) if self.shadow else view.ingress(Key(KEY.namespace, name))
        return PassInputs(
            key=KEY,
            uid=OWNER.uid,
            created=BEGIN,
            generation=1,
            spec=self.spec,
            status=status,
            routes=(RouteInputs(ROUTER, Ingress.of(self.primary), named, status.shadow),),
            view=view,
            compiled=self.course,
            options=PassOptions(INTERVAL, self.warm_up),
            obstacles=self.obstacles,
            outdated=NewerSchedule(verbatim(self.outdated), self.usable) if self.outdated is not None else None,
            action=self.action,
            owned=tuple(OwnedShadow(ROUTER, one) for one in view.shadows_by_owner(KEY)),
            canary=self.canary,
            stable=self.stable,
            canary_endpoints=view.endpoints(Key(KEY.namespace, self.spec.canary_service)),
            stable_endpoints=view.endpoints(Key(KEY.namespace, self.spec.stable_service)),
            frozen=self.frozen,
            memory=memory,
            evidence=reading,
            answers=self.answers,
            monotonic=seconds,
        )

    def assembled(self, reading: Reading | None = None) -> AssembledPass:
        """Return what the engine would assemble."""
        found = self.problems
        return assemble(self.gathered(reading), check=self._check if found is None else lambda *_: found)

    def observe(self, reading: Reading | None = None) -> Observation:
        """Return what the engine would see."""
        return self.assembled(reading).seen

    def manifest(self, exposure: Exposure) -> Any:
        """Return the shadow that an exposure makes."""
        return manifest_of(ROUTER, Ingress.of(self.primary), self.spec, OWNER, exposure)

    def pass_(self, reading: Reading | None = None, *, die: str = "") -> Decision:
        """Make one pass; ``die`` after the write of the "status", or not at all."""
        assembled = self.assembled(reading)
        self.memory, self.evaluation, self.answers = assembled.memory, assembled.memory.evaluation, {}
        decision = decide(assembled.seen, self.now)
        self.decisions.append(decision)
        after = shown_status(decision, self.now, assembled.findings, assembled.seen)
        messages = newsworthy_messages(decision, assembled.findings, assembled.seen)
        if unchanged(self.status, decision, assembled.findings, assembled.seen, self.texts):
            assert not worth_writing(self.status, after, messages, self.texts)
        self.memory = self.memory._replace(gates=tuple(after.gates))
        overdue = self.now - self.written >= CHECKPOINT
        due = status_due(self.status, after, decision, messages, self.texts, overdue=overdue)
        if due is not None and not (self.refuse_status or self.lose_answers):
            self.texts = {**self.texts, **stored_texts(messages, due)}
        done = self._execute(effects(decision, assembled, after, due), die)
        self.memory = self.memory._replace(failures=0 if done else self.memory.failures + 1)
        return decision

    # -- what becomes of its writes -----------------------------------------------------------------------------------

    def _execute(self, writes: Effects, die: str) -> bool:
        """Apply a pass's writes in their order; return whether none was refused."""
        if writes.store is not None and self.lose_answers:
            self.status = RolloutStatus.model_validate(writes.store.after.dump())
        if writes.store is not None and (self.refuse_status or self.lose_answers):
            for write in writes.unstored:
                self._apply(write)
                if isinstance(write, DeleteShadow):
                    self.memory = self.memory._replace(removed=self.memory.removed | {write.shadow.meta.uid})
            return False
        if writes.store is not None:
            self.status, self.written = RolloutStatus.model_validate(writes.store.after.dump()), self.now
        if die == "status":
            self.crash()
            return True
        self.evaluation = writes.evaluation
        return all(self._apply(write) for write in writes.writes)

    def _apply(self, write: Write) -> bool:
        """Apply one write; return False where the API refuses it."""
        match write:
            case CreateShadow(_, manifest):
                self.memory = self.memory._replace(rejected=self.rejected)
                return self.rejected is None and self._create(manifest)
            case PatchShadow():
                self.memory = self.memory._replace(unwritten="no" if self.refuse_patch else None)
                return not self.refuse_patch and self._patch(write)
            case DeleteShadow() | TakeOffShadow():
                self._remove()
            case StartSettling():
                assert self.evaluation is not None
                self.evaluation = self.evaluation.applied(self.now)
            case RemoveLeftover(removal):
                self.leftovers = tuple(filter(None, (self._removed(one, removal) for one in self.leftovers)))
            case SetImages() | SetReplicas():
                self.memory = self.memory._replace(denied=self.denied)
                return self.denied is None and self._change_workload(write)
            case ReleaseOwnership(owned):
                self.released.append((owned.workload.meta.name, owned.part))
                self._disown(owned)
            case ForgetDenial():
                self.memory = self.memory._replace(denied=None)
            case ClearAction():
                self.action = None
            case _:
                assert_never(write)
        return True

    def _create(self, manifest: Json) -> bool:
        self.shadows += 1
        self.shadow = {**manifest, "metadata": {**manifest["metadata"], "uid": f"shadow-{self.shadows}"}}
        return True

    def _patch(self, write: PatchShadow) -> bool:
        self.shadow = merge(self.shadow, write.patch)
        if write.undone:
            undoing = (self.now - BEGIN).total_seconds(), write.shadow.meta.manager
            self.memory = self.memory._replace(undone=(*self.memory.undone, undoing))
        return True

    def _change_workload(self, write: SetImages | SetReplicas) -> bool:
        match write:
            case SetImages(_, images):
                made = deployment("checkout", images["app"], rolled_out=False)
                self.stable = replace(made, owned_parts=made.owned_parts | {OBJECT})
                self.images_set.append(images["app"])
            case SetReplicas(workload, replicas):
                owned = workload.owned_parts | {SCALE}
                self.canary = replace(workload, replicas=replicas, rolled_out=False, owned_parts=owned)
                self.replicas_set.append(replicas)
        return True

    def _disown(self, owned: OwnedPart) -> None:
        if self.stable is not None and owned.workload == self.stable:
            self.stable = replace(self.stable, owned_parts=self.stable.owned_parts - {owned.part})
        if self.canary is not None and owned.workload == self.canary:
            self.canary = replace(self.canary, owned_parts=self.canary.owned_parts - {owned.part})

    def _remove(self) -> None:
        """Delete the shadow, and take everybody off it where that does not end it."""
        if self.shadow is not None:
            self.delete_shadow()
        if self.shadow is not None:
            self.shadow = _off(self.shadow)

    def _removed(self, leftover: dict[str, Any], removal: Removal) -> dict[str, Any] | None:
        """Return what is left of an Ingress after the removal of one."""
        metadata = leftover["metadata"]
        if metadata["uid"] != removal.shadow.meta.uid:
            return leftover
        if not metadata.get("finalizers"):
            return None
        return _off({**leftover, "metadata": {"deletionTimestamp": f"{self.now:%Y-%m-%dT%H:%M:%SZ}", **metadata}})

    def settle(self, passes: int = 10) -> Decision:
        """Pass until nothing changes any more, as watch events would make the engine do."""
        decision = self.pass_()
        for _ in range(passes):
            before = self.status, self.shadow, self.stable, self.canary
            decision = self.pass_()
            if (self.status, self.shadow, self.stable, self.canary) == before:
                break
        return decision

    def step(self, ticks: int = 1) -> Decision:
        """Let ticks go by, each with its reading and the passes that follow from it."""
        decision = None
        for _ in range(ticks):
            self.now += timedelta(seconds=INTERVAL)
            self.pass_(self.read())
            decision = self.settle()
        assert decision is not None
        return decision

    def until(self, met: Callable[["World"], bool], ticks: int = 400) -> "World":
        """Let ticks go by until something is so."""
        for _ in range(ticks):
            if met(self):
                return self
            self.step()
        raise AssertionError(
            f"not within {ticks} ticks: {self.status.phase} {self.status.reason} {self.status.message}"
        )

    @property
    def history(self) -> list[tuple[int, float | int, str]]:  # without int, mypy holds that none equals (2, 50, ...)
        """Step, weight and reason of each entry."""
        return [(entry.step, entry.weight, entry.reason) for entry in self.status.history]


def _off(shadow: dict[str, Any]) -> dict[str, Any]:
    """Return a shadow that is still there, without the traffic that it sent to the canary."""
    for off in OFF:
        shadow = merge(shadow, off(ROUTER, Ingress.of(shadow)) or {})
    return shadow


def at_step(index: int, **world: Any) -> World:
    """Return a world whose rollout has just entered a step."""
    made = World(**world)
    return made.until(lambda w: w.status.step is not None and w.status.step.index == index)


def with_spec(world: World, **changes: Any) -> None:
    """Edit the rollout's spec."""
    world.spec = world.spec.model_copy(update=changes)


def with_session(world: World, **changes: Any) -> None:
    """Set what the evaluation holds."""
    assert world.evaluation is not None
    world.evaluation = world.evaluation._replace(**changes)
