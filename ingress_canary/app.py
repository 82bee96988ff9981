"""Daemon as one object, started and stopped as a whole: the only place where the parts are wired together.

It starts from the outside in (web server, API, caches, sources, engine), and stops in reverse order within a bound.
"""

import asyncio
import contextlib
import gc
import secrets
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace

import aiohttp
import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ingress_canary import __version__
from ingress_canary.adapters.clock import CompressedClock, SystemClock
from ingress_canary.adapters.gates import HttpGateClient, gate_session
from ingress_canary.adapters.http import http_session
from ingress_canary.adapters.kube.cache.pods import KubePods
from ingress_canary.adapters.kube.cache.watches import Scope
from ingress_canary.adapters.kube.client.client import KubeClient
from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.adapters.kube.client.kubeconfig import usual_kubeconfig
from ingress_canary.adapters.kube.cluster import KubeCluster
from ingress_canary.adapters.kube.event_recorder import KubeRecorder
from ingress_canary.adapters.kube.lease import Lease
from ingress_canary.adapters.kube.secrets import KubeSecrets
from ingress_canary.adapters.probe import HttpProber
from ingress_canary.adapters.prometheus import PrometheusSource
from ingress_canary.adapters.scrape import Address, ControllerScrape, Limits, pod_addresses, static_addresses
from ingress_canary.adapters.telemetry.daemon_metrics import PrometheusTelemetry
from ingress_canary.api import APPLY_CRDS
from ingress_canary.api.schema.crd import KINDS, crd, pruned_by
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from ingress_canary.engine.leadership.leader_guard import LapsedGuard, LeaderGuard
from ingress_canary.engine.leadership.leader_loop import LeaderLoop, SoleLeader
from ingress_canary.engine.loop import Engine
from ingress_canary.engine.options import Options
from ingress_canary.logs import Reminder
from ingress_canary.notifications import notifications_of, outbox_of, silenced
from ingress_canary.ports import Asked, Clock, Leadership, MetricsSource, Missing, Outlets, Refused, Unavailable
from ingress_canary.settings import Settings, SettingsError
from ingress_canary.sources import look_within, prometheus_of
from ingress_canary.web.server import WebServer, make_app

log = structlog.get_logger(__name__)

STOP_WITHIN = 9.0
"""Real seconds from the signal to the end, whatever hangs."""
WEDGED_AFTER = 3
"""Intervals that a rollout may wait for its pass before the daemon calls itself not ready."""


class StartError(Exception):
    """The daemon cannot start; the message says what to do."""


def clock_of(settings: Settings) -> Clock:
    """Return the real clock, or the lab's compressed clock."""
    if settings.clock_scale == 1:
        return SystemClock()
    epoch = settings.clock_epoch or SystemClock().now()
    return CompressedClock(settings.clock_scale, epoch)


def options_of(settings: Settings) -> Options:
    """Return the engine's options from the settings."""
    return Options(
        namespace=settings.namespace,
        schedule_namespaces=frozenset(settings.schedule_namespaces),
        inline_schedules=settings.inline_schedules,
        accept_unchecked=settings.accept_unchecked,
        controllers=frozenset(settings.controllers),
        restarts=settings.restart_annotations,
        sources=((PrometheusSource if settings.source == "prometheus" else ControllerScrape).capabilities,),
        interval=settings.interval.total_seconds(),
        warm_up=settings.warm_up.total_seconds(),
    )


def scope_of(settings: Settings) -> Scope:
    """Return the namespaces that the cluster's caches watch."""
    namespace, _, name = settings.controller_config.partition("/")
    controllers = Key(namespace, name) if name else None
    return Scope(settings.namespace, settings.namespaces, settings.schedule_namespaces, controllers)


def routers_of(settings: Settings) -> Routers:
    """Return the router of each kind of ingress controller: a new one is an entry here (ADR 0007)."""
    return Routers(usual=NginxRouter(settings.annotation_prefix))


def leadership_of(settings: Settings, session: KubeClient, identity: str) -> Leadership:
    """Return the leader election, or a sole leader without it."""
    if not settings.leader_election:
        return SoleLeader()
    duration = settings.lease_duration.total_seconds()
    return Lease(session, settings.namespace, settings.lease_name, identity, duration)


class Daemon:
    """Everything that runs in the daemon's process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = clock_of(settings)
        self.registry = CollectorRegistry()
        self.telemetry = PrometheusTelemetry(self.registry, settings.source)
        self.port = 0
        self._succession: LeaderLoop | None = None
        self._leadership: Leadership = SoleLeader()
        self._cluster: KubeCluster | None = None
        self._pods: KubePods | None = None
        self._stack = contextlib.AsyncExitStack()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    async def start(self) -> None:
        """Start everything. Raises StartError, after having stopped what had started."""
        try:
            await self._start()
        except BaseException as error:
            await self._stack.aclose()
            if isinstance(error, SettingsError):
                raise StartError(str(error)) from None
            raise

    async def _start(self) -> None:
        settings, stack = self.settings, self._stack
        server = WebServer(make_app(self.registry, self.not_ready, self.troubles), settings.listen)
        try:
            self.port = await server.start()
        except OSError as error:
            raise StartError(f"cannot listen on {settings.listen}: {error}; set --listen to a free address") from error
        stack.push_async_callback(server.stop)
        session = await self._connect()
        stack.push_async_callback(session.close)
        routers = routers_of(settings)
        cluster = KubeCluster(session, scope_of(settings), kinds=routers.kinds)
        await self._check_crds(cluster)
        cluster.start()
        stack.push_async_callback(cluster.stop)
        self._cluster = cluster
        identity = (settings.identity or f"{socket.gethostname()}_{secrets.token_hex(4)}")[:128]
        recorder = KubeRecorder(session, identity)
        recorder.start()
        outbox = outbox_of(session, recorder, self.telemetry)
        stack.push_async_callback(silenced, outbox, recorder)
        http = http_session()
        stack.push_async_callback(http.close)
        metrics = await self._source(session, http)
        await cluster.synced()
        if self._pods is not None:
            await self._pods.synced()
            cluster.view.see_controllers(self._pods.arguments)
        leadership = self._leadership = leadership_of(settings, session, identity)
        guarded = LeaderGuard(cluster, leadership)
        webhooks = gate_session()
        stack.push_async_callback(webhooks.close)
        asked = Asked(HttpProber(http, self.clock), HttpGateClient(webhooks, self.clock, KubeSecrets(session)))
        outlets = Outlets(recorder, outbox)
        everywhere = await asyncio.to_thread(notifications_of, settings.notifications)

        def engine_of(term: str) -> Engine:
            options = replace(options_of(settings), leader=term, notifications=everywhere)
            return Engine(guarded, (metrics,), asked, routers, self.clock, outlets, self.telemetry, options)

        self._succession = LeaderLoop(leadership, engine_of, LapsedGuard(cluster, leadership), self.telemetry)
        self.telemetry.queue(self._waiting, self._waited)
        self._succession.start()
        stack.push_async_callback(self._succession.stop)
        # what is there by now stays, and is not looked through for garbage each time
        gc.collect()
        gc.freeze()
        log.info(
            "started", version=__version__, port=self.port, namespaces=list(settings.namespaces) or "all",
            identity=identity,
        )  # fmt: skip

    async def stop(self) -> None:
        """Stop everything, in reverse order, within STOP_WITHIN."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN):
                await self._stack.aclose()
        log.info("stopped")

    async def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, stop. Raises StartError."""
        loop = asyncio.get_running_loop()
        stop_requested = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop_requested.set)
        starting, stopping = asyncio.create_task(self.start()), asyncio.create_task(stop_requested.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        try:
            await starting
            await stopping
        except asyncio.CancelledError:
            log.info("stopped before it had started")
            return
        finally:
            stopping.cancel()
        await self.stop()

    def not_ready(self) -> Sequence[str]:
        """Return why the daemon is not ready; empty when it is."""
        if self._cluster is None:
            return ("not connected to the API server yet",)
        if self._succession is None:
            pods = (self._pods.problem,) if self._pods is not None and self._pods.problem else ()
            return self._cluster.problems or pods or ("the caches are being filled",)
        if self._engine is None:
            # a follower is ready, unless it could not take over
            return (self._leadership.problem,) if self._leadership.problem else ()
        waited = self._waited() * self.settings.clock_scale
        if waited > WEDGED_AFTER * self.settings.interval.total_seconds():
            return (f"wedged: a rollout has waited {waited:.0f} s for its pass",)
        return ()

    def troubles(self) -> Sequence[str]:
        """Return why the caches may be incomplete or stale now, with remedies; empty when they are current."""
        return self._cluster.problems if self._cluster is not None else ()

    @property
    def _engine(self) -> Engine | None:
        """The engine of this process's term; None while it does not lead."""
        return self._succession.engine if self._succession is not None else None

    def _waiting(self) -> int:
        """Return the length of the queue of passes."""
        return 0 if self._engine is None else len(self._engine.queue)

    def _waited(self) -> float:
        """Return the age of the oldest queued pass in real seconds."""
        return 0.0 if self._engine is None else self._engine.queue.oldest()

    async def _connect(self) -> KubeClient:
        settings = self.settings
        path = str(settings.kubeconfig) if settings.kubeconfig else usual_kubeconfig()
        try:
            return await connect(
                kubeconfig=path,
                context=settings.context,
                request_timeout=settings.request_timeout.total_seconds(),
                observe=self.telemetry.api_request,
            )
        except Unavailable as error:
            raise StartError(f"{error}; set --kubeconfig") from error

    async def _check_crds(self, cluster: KubeCluster) -> None:
        """Refuse to run against CRDs that would prune stored fields. Waits for an API server that does not answer."""
        reminder = Reminder()
        for wanted in map(crd, KINDS):
            name = wanted["metadata"]["name"]
            installed = None
            while True:
                try:
                    installed = await cluster.installed_crd(name)
                    break
                except Unavailable as error:
                    if reminder.due(str(error), asyncio.get_running_loop().time()):
                        log.warning("waiting for the API server", error=str(error))
                    await asyncio.sleep(2)
                except Missing:
                    break
                except Refused as error:
                    log.warning("the CRDs were not checked", error=str(error))
                    return
            if installed is None:
                raise StartError(f"the CRD {name} is not installed: {APPLY_CRDS}")
            if lost := pruned_by(installed, wanted):
                raise StartError(
                    f"the installed CRD {name} is older than this daemon and would lose {lost[0]}: {APPLY_CRDS}"
                )

    async def _source(self, session: KubeClient, http: aiohttp.ClientSession) -> MetricsSource:
        if self.settings.source == "prometheus":
            try:
                source, own = prometheus_of(self.settings, self.clock)
            except SettingsError as error:
                raise StartError(str(error)) from None
            self._stack.push_async_callback(own.close)
            return source
        return self._controllers(session, http)

    def _controllers(self, session: KubeClient, http: aiohttp.ClientSession) -> ControllerScrape:
        settings = self.settings
        limits = Limits(seconds=look_within(settings, settings.scrape_timeout))
        if settings.scrape_urls:
            pages = static_addresses(settings.scrape_urls)
            return ControllerScrape(http, self.clock, lambda: pages, if_none="", limits=limits)
        pods = KubePods(session, settings.scrape_selector, settings.scrape_namespace)
        pods.start()
        self._stack.push_async_callback(pods.stop)

        self._pods = pods

        def addresses() -> tuple[Address, ...]:
            return pod_addresses(pods.ready(), settings.scrape_port)

        where = settings.scrape_namespace or "any namespace"
        if_none = (
            f"no ready controller pod matches {settings.scrape_selector} in {where}: "
            "set --scrape-selector and --scrape-namespace"
        )
        return ControllerScrape(http, self.clock, addresses, if_none=if_none, limits=limits)
