"""Which way another writer has moved the exposure, case by case."""

from typing import Any

import pytest

from ingress_canary.api import APPLIED_ANNOTATION
from ingress_canary.api.schedule import HeaderRoute
from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.objects.metadata import Json, Meta
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.schedule.steps import Exposure
from ingress_canary.domain.traffic.drift import compare, fingerprint, merge_patch, stamped, untouched
from ingress_canary.domain.traffic.router.nginx.annotations import INERT, leaks, takes_effect
from ingress_canary.domain.traffic.router.nginx.router import PREFIX, NginxRouter
from tests.domain.world import OWNER, PRIMARY, rollout

ROUTER = NginxRouter()
STAFF = HeaderRoute(name="X-Canary", value="staff")
WANTED = Exposure(50, STAFF, "canary")


def _manifest(exposure: Exposure = WANTED) -> Any:
    return stamped(ROUTER, ROUTER.shadow(Ingress.of(PRIMARY), rollout(), OWNER, exposure))


def _edited(spec: dict[str, Any] | None = None, **annotations: str | None) -> Ingress:
    """Return the shadow after another writer's edit; underscores stand for hyphens."""
    made = _manifest()
    values = dict(made["metadata"]["annotations"])
    for key, value in annotations.items():
        name = f"{PREFIX}/{key.replace('_', '-')}"
        values.pop(name, None)
        if value is not None:
            values[name] = value
    return Ingress.of({"metadata": {**made["metadata"], "annotations": values}, "spec": made["spec"] | (spec or {})})


OTHER_PATH = {"path": "/x", "pathType": "Exact", "backend": {"service": {"name": "cart", "port": {"number": 80}}}}

EDITS: dict[str, tuple[Ingress, bool, bool, Exposure]] = {
    "weight up": (_edited(canary_weight="90"), True, False, WANTED),
    "weight down": (_edited(canary_weight="10"), False, True, Exposure(10, STAFF, "canary")),
    "weight gone": (_edited(canary_weight=None), False, True, Exposure(0, STAFF, "canary")),
    "a total of another writer": (_edited(canary_weight_total="132"), False, True, Exposure(37.878, STAFF, "canary")),
    "header gone": (_edited(canary_by_header=None), False, True, Exposure(50, None, "canary")),
    "header's value gone": (_edited(canary_by_header_value=None), True, False, WANTED),
    "another header": (_edited(canary_by_header="X-Other"), True, False, WANTED),
    "cookie gone": (_edited(canary_by_cookie=None), False, True, Exposure(50, STAFF, None)),
    "another cookie": (_edited(canary_by_cookie="beta"), True, False, WANTED),
    "up and down at once": (
        _edited(canary_weight="90", canary_by_cookie=None), True, True, Exposure(50, STAFF, None),
    ),
    "mark gone": (_edited(canary=None), True, False, WANTED),
    "mark gone and weight down": (_edited(canary=None, canary_weight="10"), True, True, Exposure(10, STAFF, "canary")),
    "mark and routes gone": (
        _edited(canary=None, canary_by_header=None, canary_by_cookie=None), True, True, Exposure(50),
    ),
    "mark not true": (_edited(canary="false"), True, False, WANTED),
    "default backend": (_edited({"defaultBackend": OTHER_PATH["backend"]}), True, False, WANTED),
    "path added": (_edited({"rules": [{"http": {"paths": [OTHER_PATH]}}]}), True, True, Exposure()),
    "paths gone": (_edited({"rules": []}), False, True, Exposure()),
    "class changed": (_edited({"ingressClassName": "other"}), False, True, Exposure()),
    "other annotation": (_edited(load_balance="ewma"), True, False, WANTED),
}  # fmt: skip


@pytest.mark.parametrize(("shadow", "raised", "lowered", "honoured"), EDITS.values(), ids=EDITS)
def test_an_edit_has_a_direction(shadow: Ingress, raised: bool, lowered: bool, honoured: Exposure) -> None:
    assert not untouched(ROUTER, shadow)
    drift = compare(ROUTER, shadow, WANTED, _manifest())
    assert (bool(drift.raised), bool(drift.lowered), drift.honoured) == (raised, lowered, honoured)


@pytest.mark.parametrize("shadow", [case[0] for case in EDITS.values()], ids=EDITS)
def test_the_patch_makes_any_edit_what_was_wanted(shadow: Ingress) -> None:
    patch = merge_patch(ROUTER, shadow, _manifest())
    assert patch is not None
    annotations = {**shadow.meta.annotations, **patch.get("metadata", {}).get("annotations", {})}
    kept = {key: value for key, value in annotations.items() if value is not None}
    spec = {**shadow.spec, **patch.get("spec", {})}
    after = Ingress.of({"metadata": {**_manifest()["metadata"], "annotations": kept}, "spec": spec})
    assert untouched(ROUTER, after)
    assert merge_patch(ROUTER, after, _manifest()) is None


def test_what_nobody_else_touched_is_untouched_even_when_something_else_is_wanted() -> None:
    shadow = Ingress.of(_manifest(Exposure(5)))
    assert untouched(ROUTER, shadow)
    assert merge_patch(ROUTER, shadow, _manifest()) is not None


@pytest.mark.parametrize("change", [{"labels": {"team": "shop"}}, {"finalizers": ["x"]}], ids=str)
def test_metadata_that_no_controller_acts_on_is_nobodys_business(change: dict[str, Any]) -> None:
    made = _manifest()
    shadow = Ingress.of({**made, "metadata": {**made["metadata"], **change}})
    assert untouched(ROUTER, shadow)
    assert merge_patch(ROUTER, shadow, made) is None


@pytest.mark.parametrize("name", ["limit_rps", "proxy_body_size", "server_alias", "configuration_snippet"])
def test_what_is_inert_on_a_canary_ingress_is_nobodys_business(name: str) -> None:
    shadow = _edited(None, **{name: "5"})
    assert untouched(ROUTER, shadow)
    assert merge_patch(ROUTER, shadow, _manifest()) is None


@pytest.mark.parametrize("name", ["auth_tls_secret", "proxy_ssl_secret", "stream_snippet", "of_a_later_release"])
def test_what_leaks_or_is_not_known_is_undone(name: str) -> None:
    shadow = _edited(None, **{name: "shop/x"})
    drift = compare(ROUTER, shadow, WANTED, _manifest())
    assert (bool(drift.raised), bool(drift.lowered), drift.honoured) == (True, False, WANTED)
    patch = merge_patch(ROUTER, shadow, _manifest())
    assert patch == {"metadata": {"annotations": {f"{PREFIX}/{name.replace('_', '-')}": None}}}


def test_the_lists_of_annotations_do_not_overlap() -> None:
    assert not [name for name in INERT if takes_effect(name) or leaks(name)]


def test_a_removed_owner_is_put_back() -> None:
    made = _manifest()
    owners = made["metadata"].pop("ownerReferences")
    shadow = Ingress.of(made)
    assert not untouched(ROUTER, shadow)
    drift = compare(ROUTER, shadow, WANTED, _manifest())
    assert (drift.raised, drift.lowered) == ((Message(MessageKey.DRIFT_OWNER),), ())
    assert merge_patch(ROUTER, shadow, _manifest()) == {"metadata": {"ownerReferences": owners}}
    # a weight that this daemon was still to write is nobody's lowering
    drift = compare(ROUTER, shadow, Exposure(80, STAFF, "canary"), _manifest(Exposure(80, STAFF, "canary")))
    assert drift.lowered == ()


def test_a_lost_fingerprint_is_no_change_of_exposure_and_is_written_anew() -> None:
    made = _manifest()
    annotations = {key: value for key, value in made["metadata"]["annotations"].items() if key != APPLIED_ANNOTATION}
    shadow = Ingress.of({**made, "metadata": {**made["metadata"], "annotations": annotations}})
    drift = compare(ROUTER, shadow, WANTED, made)
    assert (drift.raised, drift.lowered) == ((), ())
    patch = merge_patch(ROUTER, shadow, made)
    assert patch == {"metadata": {"annotations": {APPLIED_ANNOTATION: fingerprint(ROUTER, shadow)}}}


def written(manager: str, minute: int, subresource: str = "", *fields: str) -> Json:
    """Return an entry of managedFields."""
    entry = {"manager": manager, "operation": "Update", "time": f"2026-03-02T10:{minute:02}:00Z"}
    return entry | ({"subresource": subresource} if subresource else {}) | {"fieldsV1": {key: {} for key in fields}}


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        ([written("helm", 1, "", "f:spec")], "helm"),
        ([written("helm", 1, "", "f:spec"), written("sneak", 2, "status", "f:metadata")], "sneak"),
        ([written("helm", 1, "", "f:spec"), written("kubectl", 2, "scale", "f:spec")], "kubectl"),
        ([written("helm", 1, "", "f:spec"), written("nginx-ingress-controller", 2, "status", "f:status")], "helm"),
        ([written("helm", 1, "", "f:spec"), written("controller", 2, "status", "f:metadata", "f:status")], "helm"),
        ([written("ingress-canary", 3, "", "f:metadata")], ""),
    ],
)
def test_the_newest_writer_is_named_by_way_of_a_subresource_too(entries: list[Json], manager: str) -> None:
    assert Meta.of({"metadata": {"managedFields": entries}}).manager == manager
