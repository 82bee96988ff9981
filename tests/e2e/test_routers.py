"""Which router drives a rollout, and that another one needs nothing but itself."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from ingress_canary.adapters.clock import CompressedClock, SystemClock
from ingress_canary.adapters.gates import HttpGateClient
from ingress_canary.adapters.kube.cache.watches import Scope
from ingress_canary.adapters.kube.client.connect import connect
from ingress_canary.adapters.kube.cluster import KubeCluster
from ingress_canary.adapters.kube.event_recorder import KubeRecorder
from ingress_canary.adapters.kube.secrets import KubeSecrets
from ingress_canary.adapters.notify import Outbox
from ingress_canary.adapters.probe import HttpProber
from ingress_canary.adapters.telemetry.daemon_metrics import PrometheusTelemetry
from ingress_canary.api import ACTION_ANNOTATION
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.domain.metrics.signals import Signals
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.preflight.problem import ProblemSeverity, blocking
from ingress_canary.domain.traffic.router.choice import Routers
from ingress_canary.domain.traffic.router.nginx.router import NginxRouter
from ingress_canary.engine.loop import Engine
from ingress_canary.engine.options import Options
from ingress_canary.lab import manifests
from ingress_canary.lab.cluster import Lab
from ingress_canary.ports import Asked, Outlets
from tests.e2e.conftest import SCALE, SCHEDULE, checkout, history, until
from tests.e2e.preflight_shop import findings, open_lab
from tests.e2e.toy_router import (
    CONTROLLER,
    FORCE,
    SHARE,
    SPLITS,
    SplitRouter,
    ToyController,
    ToyRouter,
    ingress_class,
    splits_crd,
    stored_shadow,
)
from tests.e2e.witness import events
from tests.forked import ForkedDaemon

FAST = 200.0


class Faulty(ToyRouter):
    """Fails in every pass until it is mended."""

    mended = False
    failed = 0

    def signals(self, primary: Ingress, spec: RolloutSpec, facts: ControllerFacts) -> Signals:
        if not self.mended:
            self.failed += 1
            raise RuntimeError("no series of this kind")
        return super().signals(primary, spec, facts)


@asynccontextmanager
async def driven(router: ToyRouter, tmp_path: Path) -> AsyncIterator[Lab]:
    """Yield a lab whose Ingress of class toy an engine drives with this router."""
    routers = Routers(NginxRouter(), {CONTROLLER: router})
    async with Lab(scale=FAST) as lab:
        lab.create("customresourcedefinitions", splits_crd())
        lab.create("ingressclasses", ingress_class())
        lab.api.store.patch("ingresses", manifests.NAMESPACE, "checkout", {"spec": {"ingressClassName": "toy"}})
        session = await connect(kubeconfig=str(lab.api.write_kubeconfig(tmp_path / "kubeconfig")))
        clock = CompressedClock(FAST, SystemClock().now())
        cluster, recorder = (
            KubeCluster(session, Scope("ingress-canary"), kinds=routers.kinds),
            KubeRecorder(session, "test"),
        )
        cluster.start()
        recorder.start()
        await cluster.synced()
        http = aiohttp.ClientSession()
        telemetry = PrometheusTelemetry(CollectorRegistry())
        outlets = Outlets(recorder, Outbox(KubeSecrets(session), telemetry.notified, lambda *_: None))
        asked = Asked(HttpProber(http, clock), HttpGateClient(http, clock, KubeSecrets(session)))
        engine = Engine(
            cluster, (ToyController(lab, clock, router),), asked, routers, clock, outlets,
            telemetry, Options(warm_up=30),
        )  # fmt: skip
        engine.start()
        try:
            yield lab
        finally:
            await engine.stop()
            await recorder.stop()
            await cluster.stop()
            await session.close()
            await http.close()


async def test_the_engine_drives_a_second_router_by_its_own_annotations_and_series(tmp_path: Path) -> None:
    async with driven(ToyRouter(), tmp_path) as lab:
        header = {"header": {"name": "X-Canary"}}
        lab.create("canaryrollouts", checkout(schedule={**SCHEDULE, "routing": header}))
        # status first, then the shadow: the status alone says nothing of the shadow yet
        await until(lambda: f'"{SHARE}": "0.5"' in json.dumps(lab.shadow()))
        shadow = lab.shadow()
        assert shadow is not None
        written = shadow["metadata"]["annotations"]
        assert (written[SHARE], written[FORCE]) == ("0.5", "X-Canary")
        assert not [key for key in written if key.startswith("nginx")]
        # what raises exposure is undone in this controller's words too
        raised = {"metadata": {"annotations": {SHARE: "0.9"}}}
        lab.api.store.patch("ingresses", manifests.NAMESPACE, "checkout-canary", raised)
        await until(lambda: (lab.shadow() or written)["metadata"]["annotations"][SHARE] != "0.9")
        await until(lambda: lab.status().get("phase") == "Promoting")
    assert history(lab) == [
        (1, 10, "Settling"),
        (2, 50, "StepPassed"),
        (3, 100, "StepPassed"),
        (3, 100, "StepPassed"),
    ]


async def test_the_engine_drives_a_router_whose_shadow_is_no_ingress(tmp_path: Path) -> None:
    router = SplitRouter()

    def split() -> dict[str, Any]:
        return dict((stored_shadow(lab, router) or {}).get("spec", {}))

    def change(percent: float) -> None:
        lab.api.store.patch(SPLITS.title(), manifests.NAMESPACE, "checkout-canary", {"spec": {"percent": percent}})

    async with driven(router, tmp_path) as lab:
        lab.create("canaryrollouts", checkout(schedule={**SCHEDULE, "routing": {"header": {"name": "X-Canary"}}}))
        await until(lambda: split().get("percent") == 50)
        assert split() == {"of": "checkout", "to": "checkout-canary", "percent": 50, "force": "X-Canary"}
        assert lab.shadow() is None
        change(90)
        await until(lambda: split()["percent"] in (50, 100))
        change(7)
        await until(lambda: lab.status().get("phase") == "Paused")
        assert "lowered by another writer" in lab.status()["message"]
        assert (lab.status()["weight"], split()["percent"]) == (7, 7)
        act(lab, "abort#1")
        await until(lambda: stored_shadow(lab, router) is None)
        await until(lambda: lab.status().get("phase") == "RolledBack")


async def test_a_shadow_of_another_kind_that_a_finalizer_holds_is_taken_off(tmp_path: Path) -> None:
    router = SplitRouter()
    async with driven(router, tmp_path) as lab:
        lab.create("canaryrollouts", checkout())
        await until(lambda: lab.status().get("weight") == 50)
        held = {"metadata": {"finalizers": ["example.com/keep"]}}
        lab.api.store.patch(SPLITS.title(), manifests.NAMESPACE, "checkout-canary", held)
        act(lab, "abort#1")
        await until(lambda: ((stored_shadow(lab, router) or {}).get("spec") or {}).get("percent") == 0)
        await until(lambda: "ShadowTerminating" in [one["reason"] for one in events(lab)])
    (event,) = (one for one in events(lab) if one["reason"] == "ShadowTerminating")
    assert event["message"].startswith("TrafficSplit checkout-canary is being deleted and finalizer example.com/keep")


def act(lab: Lab, verb: str) -> None:
    """Ask for an action, as the command does."""
    change = {"metadata": {"annotations": {ACTION_ANNOTATION: verb}}}
    lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, "checkout", change)


async def test_a_pass_that_fails_by_a_fault_of_the_daemons_own_is_reported_once_and_ends_when_mended(
    tmp_path: Path,
) -> None:
    router = Faulty()
    async with driven(router, tmp_path) as lab:
        lab.create("canaryrollouts", checkout())
        await until(lambda: "ReconcileFailed" in [one["reason"] for one in events(lab)])
        # a change asks for another pass, which fails alike
        touch(lab, "again")
        await until(lambda: router.failed > 1)
        router.mended = True
        touch(lab, "mended")
        await until(lambda: lab.status().get("weight") == 10)
        (event,) = (one for one in events(lab) if one["reason"] == "ReconcileFailed")
    assert (event["type"], event["count"]) == ("Warning", 1)
    assert event["message"] == "a fault of the daemon's own, tried again: RuntimeError: no series of this kind"


def touch(lab: Lab, mark: str) -> None:
    """Change the rollout in a way that means nothing."""
    change = {"metadata": {"annotations": {"example.com/mark": mark}}}
    lab.api.store.patch("canaryrollouts", manifests.NAMESPACE, "checkout", change)


async def test_an_unknown_controller_is_refused_unless_the_settings_say_that_it_behaves_alike(tmp_path: Path) -> None:
    async with open_lab() as lab:
        lab.create("ingressclasses", ingress_class())
        lab.api.store.patch("ingresses", manifests.NAMESPACE, "checkout", {"spec": {"ingressClassName": "toy"}})
        (problem,) = await findings(lab, tmp_path)
        assert (problem.rule, problem.severity) == (9, ProblemSeverity.ERROR)
        assert CONTROLLER in problem.message
        assert await findings(lab, tmp_path, controllers=(CONTROLLER,)) == ()


@pytest.mark.slow
async def test_any_prefix_is_written_and_read_and_the_usual_one_means_nothing_then(lab: Lab, tmp_path: Path) -> None:
    prefix = "haven.example"
    annotations = {f"{prefix}/affinity": "cookie", "nginx.ingress.kubernetes.io/permanent-redirect": "https://x"}
    change = {"metadata": {"annotations": annotations}, "spec": {"ingressClassName": "toy"}}
    lab.create("ingressclasses", ingress_class())
    lab.api.store.patch("ingresses", manifests.NAMESPACE, "checkout", change)
    lab.create("canaryrollouts", checkout())
    settings = {"annotation_prefix": prefix, "controllers": CONTROLLER}
    found = await findings(lab, tmp_path, **settings)
    assert [problem.rule for problem in found] == [16]
    assert blocking(found, accept_unchecked=False) == ()
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "daemon", token="daemon")
    async with ForkedDaemon(kubeconfig, tmp_path / "log", scale=SCALE, warm_up="0s", **settings) as daemon:
        await daemon.ready()
        await until(lambda: lab.status().get("weight") == 10)
        await until(lambda: _shadow_annotations(lab).get(f"{prefix}/canary-weight") == "10")
    assert _shadow_annotations(lab)[f"{prefix}/affinity"] == "cookie"
    assert not [key for key in _shadow_annotations(lab) if key.startswith("nginx")]


def _shadow_annotations(lab: Lab) -> dict[str, str]:
    shadow = lab.shadow()
    return dict(shadow["metadata"]["annotations"]) if shadow else {}
