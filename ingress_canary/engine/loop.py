"""Reconcile loop: gather the inputs, assemble, decide, execute the effects, report.

A watch event or a tick queues a pass over one rollout; a pass is

1. gather   - the caches, the rollout's state and the newest evidence, as one value;
2. assemble - what a decision needs, derived from that value;
3. decide   - what happens next, by that and the time;
4. effects  - the decision's writes as values, in the order that is safe;
5. execute  - make them, each conditional on the resourceVersion that was read;
6. report   - an Event, a log line, the metrics.

Steps 2 to 4 are pure functions of ``domain``; ``whatif`` and the tests' World call the same ones (docs/adr/0019).

Workers serve different rollouts at once and never one rollout twice. The ticker (``ticker.py``) fetches evidence for
all rollouts that want it, and sleeps while none does: at rest nothing is polled.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.decision.decide import decide, hold_unreadable_spec
from ingress_canary.domain.decision.observation import Alert, Decision
from ingress_canary.domain.gates.request import gate_calls
from ingress_canary.domain.objects.ingress import ShadowObject
from ingress_canary.domain.objects.metadata import Json, Key
from ingress_canary.domain.reasons.message import verbatim
from ingress_canary.domain.reasons.vocabulary import Reason
from ingress_canary.domain.reconcile.assemble import AssembledPass, probe_of
from ingress_canary.domain.reconcile.effects import StoreStatus, effects, removal_of, status_due
from ingress_canary.domain.status.notices import Audience, audience
from ingress_canary.domain.status.publish import (
    NO_MESSAGES,
    newsworthy_messages,
    published_status,
    shown_status,
    stored_texts,
    unchanged,
)
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.router import Router
from ingress_canary.domain.traffic.shadow_removal import left_behind, terminating
from ingress_canary.engine.execute import Applied, Executor
from ingress_canary.engine.gate_requests import GateRequests
from ingress_canary.engine.inputs import claim, observe
from ingress_canary.engine.leadership.lapsed_term import LapsedTerm, lapsed_term
from ingress_canary.engine.leadership.leader_guard import LapsedGuard
from ingress_canary.engine.leadership.takeover import is_active, is_behind, take_over
from ingress_canary.engine.options import Options
from ingress_canary.engine.probe_requests import ProbeRequests
from ingress_canary.engine.queue import KeyedQueue, LoopShare
from ingress_canary.engine.report import Reporter
from ingress_canary.engine.spec_parser import UnreadableStatus, legible, read_spec, read_status
from ingress_canary.engine.state.rollout_state import RolloutState, RolloutStates
from ingress_canary.engine.ticker import Ticker
from ingress_canary.ports import (
    Asked,
    Clock,
    Cluster,
    ClusterError,
    Conflict,
    Deposed,
    MetricsSource,
    Outlets,
    Telemetry,
)

log = structlog.get_logger(__name__)

RETRY_AT_MOST = 30.0
"""Real seconds between two tries of a pass that keeps failing."""
GONE_FAILURES = 4
"""Failures assumed for a deleted rollout, whose failed attempts to remove the shadow are not counted."""
STAMP_AGAIN = 1.0
"""Real seconds until a rollout that could not be stamped is tried again."""


class Engine:
    """The reconcile loop of every rollout in scope, from start to stop."""

    def __init__(
        self,
        cluster: Cluster,
        sources: Sequence[MetricsSource],
        asked: Asked,
        routers: Routers,
        clock: Clock,
        outlets: Outlets,
        telemetry: Telemetry,
        options: Options,
    ) -> None:
        self.states = RolloutStates()
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self._share = LoopShare()
        self._cluster, self._routers, self._clock = cluster, routers, clock
        self._telemetry, self._options = telemetry, options
        self._probes = ProbeRequests(asked.prober, self.states)
        self._webhooks = GateRequests(asked.gates, self.states, clock, telemetry, self.queue.add)
        self._executor = Executor(cluster, clock)
        self._reporter = Reporter(outlets, telemetry, clock, Audience(options.namespace, options.notifications))
        self._lapsed: LapsedTerm | None = None
        """What is still done once the lease has ended; None while this process leads."""
        self._leftovers_reported: dict[Key, frozenset[str]] = {}
        """By deleted rollout, the uids of the shadows that were already reported as still there."""
        self._ticker = Ticker(
            self.states, self.queue, sources, self._probes, clock, telemetry, self._reporter, options
        )  # fmt: skip

    def start(self) -> None:
        """Start workers and ticker; the caches must be synced before."""
        self._unsubscribe = self._cluster.subscribe(self.queue.add)
        for key in dict.fromkeys((*self._cluster.rollouts(), *self._cluster.owners())):
            self._note_claims(key)
            self.queue.add(key)
        self._workers = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(self._options.workers)]
        self._ticking = asyncio.create_task(self._ticker.run(), name="ticker")

    async def stop(self) -> None:
        """Stop: finish the passes under way, begin none, and store the evidence of every active rollout."""
        self.queue.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.stop_within):
                # a pass cancelled between its writes heals; one that hangs must not cost the others their evidence
                await asyncio.wait(self._workers, timeout=self._options.stop_within / 2)
                await self.abandon()
                await asyncio.gather(*(self._checkpoint(key, state) for key, state in self.states.items()))

    def lapse(self, guard: LapsedGuard) -> None:
        """Go on judging without the lease: from now on a failing canary is taken off, and nothing else is written."""
        states = dict(self.states.items())
        self._lapsed = lapsed_term(guard, self._cluster, states)
        for key in states:
            self._webhooks.want(key)
            self._telemetry.forget(key)

    async def abandon(self) -> None:
        """Stop at once: cancel the passes under way and write nothing more."""
        self.queue.close()
        for task in (self._ticking, *self._workers):
            task.cancel()
        stopping = self._probes.stop(), self._webhooks.stop()
        await asyncio.gather(self._ticking, *self._workers, *stopping, return_exceptions=True)
        self._unsubscribe()
        for key in dict(self.states.items()):
            self._telemetry.forget(key)

    async def _work(self) -> None:
        while (key := await self.queue.get()) is not None:
            await self._share.turn()
            loop = asyncio.get_running_loop()
            began, failed = loop.time(), False
            try:
                await self.reconcile(key)
                if (state := self.states.get(key)) is not None:
                    state.broken = False
            except ClusterError as error:
                failed = not isinstance(error, Conflict | Deposed)
                self._retry(key, error)
            except Exception as error:
                failed = True
                # a rollout that cannot be reconciled must not stop the others
                log.exception("a pass failed", rollout=str(key))
                self.queue.add(key, RETRY_AT_MOST)
                self._alert_broken(key, error)
            finally:
                self.queue.done(key)
                self._share.spent(loop.time() - began)
                self._telemetry.reconciled(loop.time() - began, failed=failed)
            # most passes never await: a tick of many rollouts must not starve gate answers, probes and the lease
            await asyncio.sleep(0)

    def _retry(self, key: Key, error: ClusterError) -> None:
        """Queue a failed pass again: at once after a conflict, with exponential backoff after anything else."""
        state = self.states.get(key)
        failures = state.failures + 1 if state else GONE_FAILURES
        if state is not None:
            state.failures = failures
        if isinstance(error, Deposed):
            log.debug("not ours to write", rollout=str(key), error=str(error))
            self.queue.add(key, STAMP_AGAIN)
            return
        if isinstance(error, Conflict):
            log.debug("changed meanwhile, looking again", rollout=str(key), error=str(error))
            self.queue.add(key, min(0.05 * 2**failures, RETRY_AT_MOST))
            return
        log.warning("not carried out, trying again", rollout=str(key), error=str(error), failures=failures)
        self.queue.add(key, min(0.25 * 2**failures, RETRY_AT_MOST))

    def _alert_broken(self, key: Key, error: Exception) -> None:
        """Send an alert, once while it lasts, that passes fail because of a fault of the daemon itself."""
        state = self.states.get(key)
        if state is None or state.broken:
            return
        state.broken = True
        what = f"a fault of the daemon's own, tried again: {type(error).__name__}: {error}"
        self._reporter.alert(key, state, Alert(Reason.RECONCILE_FAILED, verbatim(what)))

    async def reconcile(self, key: Key) -> None:
        """Make one pass over a rollout. Raises ClusterError when something could not be carried out."""
        body = self._cluster.rollout(key)
        if self._lapsed is not None:
            await self._judge(key, body, self._lapsed)
            return
        if body is None or body["metadata"].get("deletionTimestamp"):
            await self._gone(key, body)
            return
        state = self.states.state_of(key, body["metadata"].get("uid", ""))
        read_spec(body, state)
        try:
            await self._pass(key, body, state)
        except UnreadableStatus as unreadable:
            await self._untouched(key, body, state, str(unreadable)[:MESSAGE_LENGTH])

    async def _judge(self, key: Key, body: Json | None, lapsed: LapsedTerm) -> None:
        """Make a pass without the lease. Raises ClusterError when a failing canary could not be taken off."""
        state = self.states.get(key)
        if body is None or state is None or state.spec is None:
            return
        with contextlib.suppress(UnreadableStatus):
            inputs, decision = self._decide(body, state, self._clock.now(), answers=False)
            await lapsed.act(key, inputs.seen, decision)

    def _decide(
        self, body: Json, state: RolloutState, now: datetime, *, answers: bool = True
    ) -> tuple[AssembledPass, Decision]:
        """Return what a pass is about and its decision; a person's action waits where it cannot be answered."""
        inputs = observe(body, state, self.states, self._cluster, self._routers, self._options, self._clock.monotonic())
        return inputs, decide(inputs.seen if answers else inputs.seen._replace(action=None), now)

    async def _pass(self, key: Key, body: Json, state: RolloutState) -> None:
        body = await self._taken_over(key, body, state)
        if state.spec is None:
            await self._unreadable(key, body, state)
            return
        self._queue_all(claim(body, state, self.states, self._cluster.view))
        now = self._clock.now()
        inputs, decision = self._decide(body, state, now)
        before = inputs.seen.status
        state.audience = audience(inputs.seen) or state.audience
        shown = partial(shown_status, decision, now, inputs.findings, inputs.seen)
        # most ticks change nothing but numbers, which are rendered only when somebody reads them
        overdue = self._is_overdue(state)
        quiet = not overdue and unchanged(before, decision, inputs.findings, inputs.seen, state.stored_texts)
        status = decision.status if quiet else shown()
        state.gates = tuple(status.gates)
        self._webhooks.want(key, *gate_calls(inputs.seen, status))
        if decision.wants_evidence and inputs.target is not None:
            # evidence is read from now on, whether or not anything can be stored
            state.target = inputs.target
            self._ticker.wake()
        messages = NO_MESSAGES if quiet else newsworthy_messages(decision, inputs.findings, inputs.seen)
        known = state.stored_texts
        due = None if quiet else status_due(before, status, decision, messages, known, overdue=overdue)
        writes = effects(decision, inputs, status, due, state.memo.of)
        # the first status of what had not begun moves the version as a stamp does
        unbegun = not state.taken_over and not is_active(self._cluster.view, body, state.spec)
        done = await self._executor.execute(body, state, writes)
        if due is not None:
            state.taken_over = state.taken_over or unbegun
            state.stored_texts = {**known, **stored_texts(messages, due)}
        self._reporter.show(key, state, shown)
        self._reporter.report(key, state, before, status, decision, done)
        if inputs.findings is not None:
            self._reporter.warn(key, state, before, decision, inputs.findings)
        if done.fault is not None:
            # what was stored is reported, though the rest failed
            raise done.fault
        state.failures, state.unwritten = 0, None
        state.target = inputs.target if decision.wants_evidence else None
        state.probe = probe_of(inputs, status) if decision.wants_evidence else None
        if decision.moved is not None or done.reshaped or status.shadow != before.shadow:
            # another decision may be possible at once, and the watch event of the daemon's own write may be ignored
            self.queue.add(key)
        elif done.held_back:
            self.queue.add(key, RETRY_AT_MOST)

    def _is_overdue(self, state: RolloutState) -> bool:
        """Return whether the checkpoint is old enough to be stored again, though only numbers may have changed."""
        return self._clock.monotonic() - state.written >= self._options.checkpoint

    async def _taken_over(self, key: Key, body: Json, state: RolloutState) -> Json:
        """Stamp a rollout with this leader's term and return it. Raises ClusterError when the pass must be repeated."""
        if state.taken_over or not self._options.leader:
            return body
        try:
            stamped = await take_over(self._cluster, body, state.spec, self._options.leader, self._options.restarts)
            state.taken_over = stamped is not None
        except (Conflict, Deposed):
            raise
        except ClusterError as error:
            if is_behind(self._cluster.view, body, state.spec, self._options.restarts):
                # nobody knows yet whether somebody has deleted the shadow, or changed the canary
                raise
            # a canary is judged, and taken off, also while nothing can be stored (rule 4)
            log.warning("not stamped, trying again", rollout=str(key), error=str(error))
            self.queue.add(key, STAMP_AGAIN)
            return body
        return stamped or body

    async def _gone(self, key: Key, body: Json | None) -> None:
        """Forget a rollout that is deleted or being deleted. Raises ClusterError while its canary cannot be taken off.

        Kubernetes collects the shadow with its owner, unless a finalizer holds either of them.
        """
        state, view = self.states.get(key), self._cluster.view
        self._queue_all(self.states.forget(key))
        self._webhooks.want(key)
        self._telemetry.forget(key)
        reported = self._leftovers_reported.pop(key, frozenset())
        for shadow in left_behind(view.shadows_by_owner(key), body):
            router = self._routers.of_shadow(shadow, view, state.router if state is not None else None)
            needed = True
            try:
                needed = await self._executor.remove(removal_of(router, shadow))
            finally:
                if needed and shadow.meta.uid not in reported:
                    self._report_leftover(key, state, router, shadow)
                self._leftovers_reported[key] = self._leftovers_reported.get(key, reported) | {shadow.meta.uid}

    def _report_leftover(self, key: Key, state: RolloutState | None, router: Router, shadow: ShadowObject) -> None:
        """Send an Event and a notification about a shadow that still exists though its rollout is gone."""
        left = self._cluster.view.shadow(shadow.resource, shadow.meta.key)
        held = terminating(router, left) if left is not None else None
        if held is not None:
            about = state or RolloutState(shadow.meta.owner.uid if shadow.meta.owner else "")
            self._reporter.alert(key, about, Alert(Reason.SHADOW_TERMINATING, held.message))

    def _note_claims(self, key: Key) -> None:
        """Record which Ingress and Service a rollout uses, before any rollout makes its first pass."""
        body = self._cluster.rollout(key)
        if body is not None:
            state = self.states.state_of(key, body["metadata"].get("uid", ""))
            read_spec(body, state)
            if state.spec is not None:
                claim(body, state, self.states, self._cluster.view)

    def _queue_all(self, rivals: tuple[Key, ...]) -> None:
        for rival in rivals:
            self.queue.add(rival)

    async def _unreadable(self, key: Key, body: Json, state: RolloutState) -> None:
        before = read_status(body)
        decision = hold_unreadable_spec(before, state.generation, str(state.spec_problem or ""))
        status = published_status(decision, self._clock.now())
        due = status_due(before, status, decision, overdue=self._is_overdue(state))
        if due is not None:
            await self._executor.store(body, state, StoreStatus(before, due))
            self._reporter.report(key, state, before, status, decision, Applied(wrote=True))
        self._reporter.show(key, state, lambda: status)
        state.target = None

    async def _untouched(self, key: Key, body: Json, state: RolloutState, problem: str) -> None:
        """Report that a rollout whose status cannot be read is not reconciled; the shadow stays as it is."""
        state.target = state.evaluation = None
        status = legible(body).updated(reason=Reason.INVALID_SPEC)
        self._reporter.show(key, state, lambda: status)
        self._webhooks.want(key)
        patch = {"reason": Reason.INVALID_SPEC, "message": problem}
        if (body.get("status") or {}) | patch != body.get("status"):
            await self._cluster.patch_status(body, patch)
            self._reporter.alert(key, state, Alert(Reason.INVALID_SPEC, verbatim(problem)))

    async def _checkpoint(self, key: Key, state: RolloutState) -> None:
        """Store the evidence of one active rollout, also when no pass would write its status now."""
        body, evaluation = self._cluster.rollout(key), state.evaluation
        if body is None or evaluation is None or state.target is None:
            return
        try:
            before = read_status(body)
        except UnreadableStatus:
            return
        status = published_status(Decision(before, evaluation), self._clock.now())
        try:
            await self._executor.store(body, state, StoreStatus(before, status))
        except ClusterError as error:
            log.warning("the last checkpoint stands", rollout=str(key), error=str(error))
