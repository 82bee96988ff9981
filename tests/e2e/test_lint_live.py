"""``ingress-canary lint --live`` as a person runs it, against the lab's API."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ingress_canary.lab.cluster import Lab
from ingress_canary.lab.kubeapi.rbac import Rbac
from tests.e2e.conftest import checkout
from tests.e2e.preflight_shop import SCALE, annotate, open_lab

pytestmark = pytest.mark.slow


async def run(lab: Lab, tmp_path: Path, *words: str) -> tuple[int, str, str]:
    """Return exit code, output and error output of ``lint --live``."""
    kubeconfig = lab.api.write_kubeconfig(tmp_path / "kubeconfig")
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingress_canary", "lint", "--live", f"--kubeconfig={kubeconfig}", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await started.communicate()
    return started.returncode or 0, output.decode(), errors.decode()


async def test_a_clean_rollout_is_reported_as_clean_and_nothing_is_written(tmp_path: Path) -> None:
    async with open_lab() as lab:
        assert await run(lab, tmp_path, "-n", "shop") == (0, "shop/checkout: clean\n", "")
        assert await run(lab, tmp_path, "-A", "checkout") == (0, "shop/checkout: clean\n", "")
        assert {record.verb for record in lab.api.audit if record.user == "lab"} <= {"get", "list", "watch"}


async def test_an_error_fails_the_run_and_names_object_field_and_remedy(tmp_path: Path) -> None:
    async with open_lab() as lab:
        annotate(lab, permanent_redirect="https://x.example", affinity="cookie")
        code, output, _ = await run(lab, tmp_path, "-n", "shop", "-o", "json")
    assert code == 1
    rows = json.loads(output)
    assert [(row["rule"], row["severity"]) for row in rows] == [(10, "Error"), (16, "Warning")]
    assert (rows[0]["name"], rows[0]["id"], rows[0]["flags"]) == ("checkout", "requests-reach-the-balancer", [])
    assert rows[0]["object"] == "Ingress shop/checkout"
    assert rows[0]["field"] == "metadata.annotations[nginx.ingress.kubernetes.io/permanent-redirect]"
    assert rows[0]["remedy"] == "remove it while the rollout runs"


async def test_a_name_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    async with open_lab() as lab:
        code, output, errors = await run(lab, tmp_path, "-n", "shop", "nobody")
    assert (code, output) == (1, "")
    assert "no CanaryRollout nobody in namespace shop" in errors


async def test_an_api_server_that_is_not_there_is_reported_and_not_waited_for(tmp_path: Path) -> None:
    async with open_lab() as lab:
        await lab.api.stop()
        code, output, errors = await run(lab, tmp_path, "-A")
    assert (code, output) == (1, "")
    assert errors.startswith("error: ")


async def test_a_namespace_without_any_rollout_is_a_slip_and_fails_the_run(tmp_path: Path) -> None:
    async with open_lab() as lab:
        code, output, errors = await run(lab, tmp_path, "-n", "shopp")
    assert (code, output, errors) == (1, "", "error: there is no CanaryRollout in namespace shopp\n")


OF_SHOP = [
    {
        "kind": "Role", "metadata": {"name": "all", "namespace": "shop"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    },
    {
        "kind": "RoleBinding", "metadata": {"name": "all", "namespace": "shop"},
        "roleRef": {"kind": "Role", "name": "all"}, "subjects": [{"kind": "User", "name": "lab"}],
    },
]  # fmt: skip
"""Reading one namespace, and nothing else."""
REF = {"ref": {"name": "standard-web"}}


def changed(**spec: Any) -> dict[str, Any]:
    """Return the shop's rollout with other members of its spec."""
    body = checkout()
    return {**body, "spec": {**body["spec"], **spec}}


async def test_with_rights_in_one_namespace_what_cannot_be_seen_is_not_checked(tmp_path: Path) -> None:
    async with Lab(scale=SCALE, seed=3, authorize=[Rbac(OF_SHOP, ["lab"]).middleware]) as lab:
        lab.create("canaryrollouts", checkout())
        code, output, errors = await run(lab, tmp_path, "-n", "shop")
        assert (code, errors) == (1, "")
        assert "schedule-exists" not in output
        assert "NotChecked, rule 9 (class-is-served)" in output
        code, _, errors = await run(lab, tmp_path, "-n", "shop", "--accept-unchecked")
        assert (code, errors) == (0, "")
        lab.api.store.delete("canaryrollouts", "shop", "checkout")
        lab.create("canaryrollouts", changed(schedule=REF))
        code, output, _ = await run(lab, tmp_path, "-n", "shop")
        assert code == 1
        assert (
            "NotChecked, rule 0 (schedule-exists): CanaryRollout shop/checkout spec.schedule.ref: "
            "CanarySchedules of namespace ingress-canary cannot be read; you need get, list and watch"
        ) in output
        code, output, errors = await run(lab, tmp_path, "-A")
        assert (code, output) == (1, "")
        assert "; you need get, list and watch on it" in errors


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"schedule": {"ref": {"name": "standard-web", "namespace": "team"}}},
            (
                "(spec-is-served): CanaryRollout shop/checkout spec.schedule.ref.namespace: team is none that this "
                "daemon takes schedules from; name another, or add it to the setting schedule_namespaces\n"
            ),
        ),
        (
            {"schedule": REF},
            (
                "(schedule-exists): CanaryRollout shop/checkout spec.schedule.ref: CanarySchedule "
                "ingress-canary/standard-web does not exist; create it or correct the name\n"
            ),
        ),
        (
            {"shadow": {"name": "checkout"}},
            (
                "(spec-is-served): CanaryRollout shop/checkout spec: shadow.name must not be the primary's name; leave "
                "it out or choose another; correct it and apply it\n"
            ),
        ),
    ],
)
async def test_what_is_not_served_is_named_once_with_its_field_and_remedy(
    change: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    async with Lab(scale=SCALE, seed=3) as lab:
        lab.create("canaryrollouts", changed(**change))
        code, output, _ = await run(lab, tmp_path, "-n", "shop")
    assert (code, output) == (1, f"shop/checkout: Error, rule 0 {expected}")
