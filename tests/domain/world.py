"""A rollout in a world of plain values: the caches, the shadow and the source as data, driven by the real decisions.

``World.pass_()`` does what one pass of the engine does, without I/O; a crash forgets what memory forgets.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from ingress_canary.api.rollout import AT_REST, RolloutSpec, RolloutStatus
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.domain.decision.decide import decide
from ingress_canary.domain.decision.observation import (
    Decision,
    NewerSchedule,
    Observation,
    Obstacle,
    leaves_shadow_alone,
    preflight_obstacle,
    wanted_exposure,
)
from ingress_canary.domain.evaluation.evaluation import Evaluation, EvidenceMode, TickInputs
from ingress_canary.domain.evaluation.replay import tick_with_past
from ingress_canary.domain.metrics.samples import Instance, Reading, Series
from ingress_canary.domain.objects.revision import same_version, template_hash
from ingress_canary.domain.objects.views import Ingress, Key, Owner, Workload
from ingress_canary.domain.preflight.problem import Problem, blocking
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.reasons.verbs import Action
from ingress_canary.domain.schedule.compiled_schedule import CompiledSchedule
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.status.publish import (
    StoredTexts,
    newsworthy_messages,
    published_status,
    stored_texts,
    unchanged,
    worth_writing,
)
from ingress_canary.domain.traffic.drift import compare, merge_patch, stamped, untouched
from ingress_canary.domain.traffic.router.nginx.router import PREFIX, NginxRouter
from ingress_canary.domain.traffic.shadow_removal import OFF, terminating
from ingress_canary.domain.workload import scale_canary
from ingress_canary.domain.workload.copy_images import images_due
from ingress_canary.lab.kubeapi.storage.patches import merge

ROUTER = NginxRouter()
BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
OWNER = Owner("CanaryRollout", "checkout", "uid-1")
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
    problems: tuple[Problem, ...] = ()
    """What preflight finds."""
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
    stable_ready: int = 2
    canary_ready: int = 2
    warm_up: float = 30
    now: datetime = BEGIN
    traffic: Traffic = field(default_factory=Traffic)
    outage: str | None = None
    orphaned: bool | None = None
    evaluation: Evaluation | None = None
    action: str | None = None
    decisions: list[Decision] = field(default_factory=list)
    shadows: int = 0
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    refuse_status: bool = False
    """The API refuses to store any status."""
    removed: str | None = None
    """The uid of a shadow that was removed though the status could not be stored."""
    written: datetime = BEGIN
    texts: StoredTexts = field(default_factory=dict)
    """What the texts say that were stored since the process began."""

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
        self.evaluation, self.texts = None, {}

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
        labels = {"namespace": "shop", "ingress": "checkout", "service": "checkout"}
        series = tuple(
            Series(
                "nginx_ingress_controller_requests",
                "pod",
                {**labels, "canary": upstream, "status": code},
                value,
                self.now,
            )
            for (upstream, code), value in self.counters.items()
        )
        return Reading(self.now, (Instance("pod", BEGIN - timedelta(days=1)),), series, orphaned=self.orphaned)

    def observe(self, reading: Reading | None = None) -> Observation:
        """Return what the engine would see."""
        course, status = self.course, self.status
        shadow = Ingress.of(self.shadow) if self.shadow else None
        evaluation = None if status.phase in AT_REST else self.evaluation
        if evaluation is None and course is not None and status.phase not in AT_REST:
            evaluation = Evaluation.restored(course, status) if status.schedule else Evaluation.new(course)
        drift = None
        if shadow is not None and status.shadow is not None:
            manifest = self.manifest(wanted_exposure(status))
            drift = None if untouched(ROUTER, shadow) else compare(ROUTER, shadow, wanted_exposure(status), manifest)
            waiting = merge_patch(ROUTER, shadow, manifest) is not None or status.shadow.uid != shadow.meta.uid
            if evaluation is not None and waiting and not leaves_shadow_alone(status):
                evaluation = evaluation.unapplied()
        if evaluation is not None and course is not None and reading is not None:
            evaluation = tick_with_past(
                evaluation,
                reading,
                TickInputs(
                    course,
                    ROUTER.signals(Ingress.of(self.primary), self.spec),
                    EvidenceMode.of(status),
                    course.walk.at(status.step.index) if status.step else None,
                    wanted_exposure(status),
                    ROUTER.sticky(Ingress.of(self.primary)),
                    INTERVAL,
                ),
            )
        action = Action.parse(self.action) if self.action else None
        if action and status.last_action and status.last_action.id == action.id:
            action = None
        revision = template_hash(self.canary) if self.canary else None
        refused = blocking(self.problems, accept_unchecked=False)
        return Observation(
            key=Key("shop", "checkout"),
            generation=1,
            spec=self.spec,
            status=status,
            compiled=course,
            obstacles=(*self.obstacles, *([preflight_obstacle(refused)] if refused else [])),
            problems=self.problems,
            revision=self.spec.revision or revision if self.canary else None,
            canary=self.canary,
            stable=self.stable,
            stable_hash=template_hash(self.stable) if self.stable else None,
            canary_hash=template_hash(self.canary) if self.canary else None,
            same_version=bool(self.canary and self.stable and same_version(self.canary, self.stable)),
            stable_ready=self.stable_ready,
            canary_ready=self.canary_ready,
            shadow=shadow,
            foreign=self.foreign,
            removed=self.removed is not None and status.shadow is not None and self.removed == status.shadow.uid,
            terminating=terminating(ROUTER, shadow) if shadow is not None else None,
            drift=drift,
            fighting=self.fighting,
            rejected=self.rejected,
            frozen=self.frozen,
            outdated=NewerSchedule(verbatim(self.outdated), self.usable) if self.outdated is not None else None,
            denied=self.denied,
            sticky=ROUTER.sticky(Ingress.of(self.primary)),
            action=action,
            evaluation=evaluation,
            interval=INTERVAL,
            warm_up=self.warm_up,
        )

    def manifest(self, exposure: Exposure) -> Any:
        """Return the shadow that an exposure makes."""
        return stamped(ROUTER, ROUTER.shadow(Ingress.of(self.primary), self.spec, OWNER, exposure))

    def pass_(self, reading: Reading | None = None, *, die: str = "") -> Decision:
        """Make one pass; ``die`` after the write of the "status", or not at all."""
        seen = self.observe(reading)
        self.evaluation = seen.evaluation
        decision = decide(seen, self.now)
        self.decisions.append(decision)
        after = published_status(decision, self.now, seen=seen)
        messages = newsworthy_messages(decision, seen=seen)
        news = worth_writing(self.status, after, messages, self.texts)
        assert not (news and unchanged(self.status, decision, None, seen, self.texts))
        if news or self.now - self.written >= CHECKPOINT:
            if self.refuse_status:
                if after.shadow is None and self.shadow is not None:
                    self.removed = self.shadow["metadata"]["uid"]
                    self._remove()
                return decision
            self.status = RolloutStatus.model_validate(after.dump())
            self.texts = {**self.texts, **stored_texts(messages, after)}
            self.written = self.now
        if die == "status":
            self.crash()
            return decision
        self.evaluation = decision.evaluation
        self._shape()
        images = images_due(self.status, self.stable)
        if images is not None and self.denied is None:
            self.stable = deployment("checkout", images["app"], rolled_out=False)
            self.images_set.append(images["app"])
        replicas = scale_canary.replicas_due(self.status, self.canary)
        if replicas is not None and self.canary is not None and self.denied is None:
            self.canary = replace(self.canary, replicas=replicas, rolled_out=False)
            self.replicas_set.append(replicas)
        return decision

    def _shape(self) -> None:
        status = self.status
        if status.shadow is None:
            self._remove()
        elif self.shadow is not None and "deletionTimestamp" in self.shadow["metadata"]:
            return
        elif leaves_shadow_alone(status):
            self._applied()
        elif self.shadow is None:
            if status.shadow.uid is None and self.rejected is None:
                self.shadows += 1
                made = self.manifest(Exposure())
                self.shadow = {**made, "metadata": {**made["metadata"], "uid": f"shadow-{self.shadows}"}}
        else:
            manifest = self.manifest(wanted_exposure(status))
            patched = merge_patch(ROUTER, Ingress.of(self.shadow), manifest) is not None
            if patched:
                uid = self.shadow["metadata"]["uid"]
                self.shadow = {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
            self._applied(afresh=patched)

    def _remove(self) -> None:
        """Delete the shadow, and take everybody off it where that does not end it."""
        if self.shadow is not None:
            self.delete_shadow()
        if self.shadow is None:
            return
        for off in OFF:
            patch = off(ROUTER, Ingress.of(self.shadow))
            if patch is not None:
                self.shadow = merge(self.shadow, patch)

    def _applied(self, *, afresh: bool = False) -> None:
        if self.evaluation is not None and (afresh or self.evaluation.settled_from is None):
            self.evaluation = self.evaluation.applied(self.now)

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
