"""What the chart renders to, for the documented sets of values: right, stable, and refused where a value is wrong."""

import json
import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from ingress_canary import __version__
from ingress_canary.api.schema.crd import KINDS, crd
from ingress_canary.settings import Settings, SettingsError, load
from tests.chart.charts import CHART, HOME, NAME, ROOT, SETS, chart, container, manifests, one, settings
from tests.chart.golden import GOLDEN, render

KUBERNETES = ("1.29", "1.37")
SINCE = {"ValidatingAdmissionPolicy": "1.37", "ValidatingAdmissionPolicyBinding": "1.37"}
"""The first of these that has a kind; the policy is in version 1 since 1.30."""
OPERATOR = "monitoring.coreos.com/v1"
"""Kinds of the Prometheus operator, which kubernetes-validate does not know."""
SWITCHES = ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard", "networkPolicy")


@pytest.mark.parametrize("name", SETS)
def test_the_render_is_the_golden_one(name: str) -> None:
    assert render(name) == (GOLDEN / f"{name}.yaml").read_text(), "is the change meant? `make generate`, and commit it"


@cache
def valid(document: str) -> None:
    """Fail unless both versions of Kubernetes take an object; most objects are the same in many sets of values."""
    body = json.loads(document)
    since = SINCE.get(body["kind"], KUBERNETES[0])
    for version in KUBERNETES[KUBERNETES.index(since) :] if body["apiVersion"] != OPERATOR else ():
        assert kubernetes_validate.validate(body, version, strict=True) == version


def matrix() -> list[Any]:
    """Return sets of values by what is on, what is served and where evidence comes from."""
    sources: list[dict[str, Any]] = [
        {},
        {"source": "prometheus", "prometheus_url": "http://prometheus:9090"},
        {"scrape_namespace": "", "controller_config": ""},
    ]
    return [
        pytest.param(
            {
                "replicas": replicas,
                "settings": {**source, "namespaces": served},
                "rbac": {"clusterReads": reads, "writeWorkloads": reads},
                **{name: {"enabled": on} for name in SWITCHES},
            },
            id=f"{replicas}-{'-'.join(served) or 'all'}-{source.get('source', len(source))}-{reads}-{on}",
        )
        for replicas, served, source, reads, on in product(
            (1, 3), ([], ["shop"], ["ingress-canary", "shop"]), sources, (True, False), (True, False)
        )
        if reads or served
    ]


@pytest.mark.parametrize("values", [*(pytest.param(SETS[name], id=name) for name in SETS), *matrix()])
def test_kubernetes_takes_every_object_and_helm_has_nothing_to_say(values: dict[str, Any]) -> None:
    documents = manifests(values)
    for document in documents:
        valid(json.dumps(document))
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in documents]
    assert len(names) == len(set(names))
    report = helm_python.lint(CHART, values, strict=True)
    assert (report["errors"], [one for one in report["messages"] if one["severity"] > 1]) == ([], [])


@pytest.mark.parametrize("name", SETS)
def test_the_daemon_understands_its_settings(name: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings(manifests(SETS[name]))))
    found = load({}, file)
    assert (found.namespace, found.lease_name, found.leader_election) == (HOME, NAME, True)
    assert found.listen.endswith(f":{container(manifests(SETS[name]))['ports'][0]['containerPort']}")


def test_the_values_have_the_settings_defaults() -> None:
    shown = Settings().model_dump(mode="json")
    values = yaml.safe_load((CHART / "values.yaml").read_text())["settings"]
    assert values == {name: shown[name] for name in values}


def test_every_value_is_in_the_schema_and_every_mapping_is_closed() -> None:
    def members(schema: dict[str, Any], values: Any, path: str) -> None:
        if "properties" not in schema:
            assert schema.get("type") != "object" or "additionalProperties" in schema or path in passed_on, path
            return
        assert schema["additionalProperties"] is False, path
        for name, inner in schema["properties"].items():
            assert inner["description"], f"{path}.{name}"
            known = isinstance(values, dict) and name in values
            assert known or path == ".settings" or name == "global", f"{path}.{name} is not in values.yaml"
            members(inner, values.get(name) if known else None, f"{path}.{name}")

    passed_on = {".resources", ".affinity", ".global"}
    schema = json.loads((CHART / "values.schema.json").read_text())
    members(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "")


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"replica": 2}, "replica"),
        ({"replicas": 0}, "/replicas"),
        ({"image": {"digest": "sha256:12"}}, "/image/digest"),
        ({"settings": {"intervall": "10s"}}, "intervall"),
        ({"settings": {"interval": 10}}, "/settings/interval"),
        ({"settings": {"interval": "ten"}}, "/settings/interval"),
        ({"settings": {"interval": ""}}, "/settings/interval"),
        ({"settings": {"interval": "2h"}}, "/settings/interval"),
        ({"settings": {"interval": "61s"}}, "/settings/interval"),
        ({"settings": {"source": "prometheus"}}, "/settings"),
        ({"settings": {"source": "prometheus", "prometheus_url": ""}}, "/settings/prometheus_url"),
        ({"settings": {"namespaces": ["shop", "shop"]}}, "/settings/namespaces"),
        ({"rbac": {"clusterReads": False}}, "/settings/namespaces"),
        ({"podLabels": {"app.kubernetes.io/name": "x"}}, "app.kubernetes.io/name"),
        ({"podMonitor": {"interval": ""}}, "/podMonitor/interval"),
        ({"settings": {"source": "prom"}}, "/settings/source"),
        ({"settings": {"namespaces": "shop"}}, "/settings/namespaces"),
        ({"settings": {"lease_name": "other"}}, "lease_name"),
        ({"settings": {"controller_config": "nginx"}}, "/settings/controller_config"),
        ({"rbac": {"secrets": [{"namespace": "shop", "names": []}]}}, "/rbac/secrets/0/names"),
        ({"secretMounts": [{"name": "a b", "secretName": "x"}]}, "/secretMounts/0/name"),
        ({"files": {"settings.yaml": "interval: 2s"}}, "settings.yaml"),
        ({"networkPolicy": {"apiServer": {"ports": [0]}}}, "/networkPolicy/apiServer/ports/0"),
        ({"serviceMonitor": {"enabled": "yes"}}, "/serviceMonitor/enabled"),
    ],
)
def test_a_wrong_value_is_refused_by_its_place(values: dict[str, Any], where: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=where):
        manifests(values)


SPANS = [
    *(f"{number}{unit}" for number in (0, 1, 2, 5, 9, 10, 59, 60, 61, 99, 100, 120, 121, 3600, 3601) for unit in "smh"),
    *("1m30s", "2m1s", "59m59s", "1ms", "999ms", "1000ms", "2000ms", "60000ms", "60001ms"),
]


def test_of_durations_the_schema_takes_what_the_daemon_takes_and_nothing_else() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["settings"]["properties"]
    bounded = {name: one["pattern"] for name, one in schema.items() if "$comment" in one}
    assert {"interval", "warm_up", "request_timeout", "prometheus_scrape_interval"} <= bounded.keys()
    for name, pattern in bounded.items():
        for span in SPANS:
            try:
                load({name: span}, None)
            except SettingsError:
                assert not re.fullmatch(pattern, span), f"{name}: {span}"
            else:
                assert re.fullmatch(pattern, span), f"{name}: {span}"


def test_a_selector_that_is_no_list_of_labels_opens_the_controllers_namespace() -> None:
    def peer(selector: str) -> dict[str, Any]:
        values = {"networkPolicy": {"enabled": True}, "settings": {"scrape_selector": selector, "scrape_port": "10254"}}
        (rule,) = [each for each in one(manifests(values), "NetworkPolicy")["spec"]["egress"] if "to" in each]
        assert rule["ports"][0]["port"] == 10254
        return dict(rule["to"][0])

    assert peer("app=nginx,tier==edge")["podSelector"] == {"matchLabels": {"app": "nginx", "tier": "edge"}}
    for selector in ("", "app in (nginx, other)", "!app", "app!=nginx"):
        assert peer(selector).keys() == {"namespaceSelector"}


def test_an_account_that_the_chart_does_not_make_must_be_named() -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"serviceAccount\.name"):
        manifests({"serviceAccount": {"create": False}})


@pytest.mark.parametrize("name", SETS)
def test_pods_keep_to_the_strictest_profile_and_write_nowhere(name: str) -> None:
    pod = one(manifests(SETS[name]), "Deployment")["spec"]["template"]["spec"]
    box = container(manifests(SETS[name]))
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert box["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {key for volume in pod["volumes"] for key in volume} <= {"name", "configMap", "secret"}
    assert all(mount["readOnly"] for mount in box["volumeMounts"])
    assert box["resources"]["requests"].keys() == {"cpu", "memory"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


@pytest.mark.parametrize("name", SETS)
def test_no_right_has_a_wildcard_and_secrets_are_named(name: str) -> None:
    for document in manifests(SETS[name]):
        for rule in document.get("rules", ()):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "secrets" not in rule["resources"] or (rule["verbs"] == ["get"] and rule["resourceNames"])


@pytest.mark.parametrize("name", SETS)
def test_the_crds_are_the_same_whatever_the_values(name: str) -> None:
    before = chart().crds
    assert not [each for each in manifests(SETS[name]) if each["kind"] == "CustomResourceDefinition"]
    assert chart().crds == before
    found = [yaml.safe_load((CHART / each["name"]).read_text()) for each in before]
    assert found == list(map(crd, KINDS))


def test_alerts_dashboards_and_policies_are_those_of_config_and_no_others() -> None:
    def held(root: Path) -> dict[str, str]:
        found = (root.glob(f"{name}/*") for name in ("prometheus", "grafana", "admission"))
        return {
            str(one.relative_to(root)): one.read_text() for each in found for one in each if ".test." not in one.name
        }

    assert held(CHART / "files") == held(ROOT / "config")
    switched = ("prometheusRule", "dashboard", "approvalPolicy")
    documents = manifests({name: {"enabled": True} for name in switched})
    for wanted in yaml.safe_load_all((ROOT / "config/admission/approve.yaml").read_text()):
        assert wanted in documents
    rules = one(documents, "PrometheusRule")["spec"]["groups"]
    assert rules == yaml.safe_load((ROOT / "config/prometheus/rules.yaml").read_text())["groups"]
    served = manifests({"prometheusRule": {"enabled": True, "docsUrl": "https://docs.example/canary/"}})
    runbooks = [
        rule["annotations"]["runbook_url"]
        for group in one(served, "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
    ]
    assert runbooks
    for runbook in runbooks:
        page, _, anchor = runbook.removeprefix("https://docs.example/canary/").partition("#")
        # mkdocs.yml: without directory URLs, each page is a file of its own
        text = (ROOT / "docs" / page).with_suffix(".md").read_text()
        assert page.endswith(".html")
        assert anchor in {
            re.sub(r"[^a-z0-9]+", "-", line.lower()).strip("-") for line in text.splitlines() if line[:1] == "#"
        }
    boards = one(documents, "ConfigMap", f"{NAME}-dashboard")["data"]
    assert {name: json.loads(text) for name, text in boards.items()} == {
        file.name: json.loads(file.read_text()) for file in (ROOT / "config/grafana").glob("*.json")
    }


def test_the_chart_has_the_programs_version() -> None:
    meta = chart().metadata
    assert (meta["version"], meta["appVersion"]) == (__version__, __version__)
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_who_acts_writes_no_schedule_and_who_views_writes_nothing() -> None:
    roles = {each["metadata"]["name"]: each for each in manifests({}) if each["kind"] == "ClusterRole"}
    labels = {
        name.removeprefix(f"{NAME}-"): [
            key.rpartition("/")[2] for key in each["metadata"]["labels"] if "aggregate-to" in key
        ]
        for name, each in roles.items()
        if name != NAME
    }
    assert labels == {
        "view": ["aggregate-to-view"],
        "edit": ["aggregate-to-edit"],
        "operate": [],
        "schedule-admin": [],
    }
    rules = {name.removeprefix(f"{NAME}-"): each["rules"] for name, each in roles.items()}
    assert [rule["verbs"] for rule in rules["view"]] == [["get", "list", "watch"]]
    assert [(rule["resources"], rule["verbs"]) for rule in rules["operate"]] == [
        (["canaryrollouts"], ["get", "list", "watch", "patch"]),
        (["ingresses"], ["get"]),
    ]
    assert [rule["resources"] for rule in rules["edit"]] == [["canaryrollouts"]]
    assert [rule["resources"] for rule in rules["schedule-admin"]] == [["canaryschedules"]]
