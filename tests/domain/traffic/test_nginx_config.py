"""What ingress-nginx's ConfigMap and arguments say of what the rules ask."""

import pytest

from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.traffic.router.nginx.controller_config import facts_of

PLAIN = ("/nginx-ingress-controller", "--ingress-class=nginx")

OFF = ControllerFacts(service_upstream=False)
"""Of a ConfigMap that says nothing."""


@pytest.mark.parametrize(
    ("config", "arguments", "facts"),
    [
        (None, None, ControllerFacts()),
        ({}, (), OFF),
        (
            {"custom-http-errors": "404,503", "service-upstream": "true"},
            None,
            ControllerFacts(custom_http_errors="404,503", service_upstream=True),
        ),
        (
            {"annotations-risk-level": "Low"},
            None,
            OFF._replace(annotations_risk_level="Low"),
        ),
        (
            None,
            (*PLAIN, "--enable-metrics", "--metrics-per-host=false"),
            ControllerFacts(metrics=True, undefined_hosts=True, topology=False),
        ),
        ({}, PLAIN, OFF._replace(metrics=False, undefined_hosts=False, topology=False)),
        (
            {"annotations-risk-level": "High"},
            (*PLAIN, "--enable-metrics", "-metrics-per-undefined-host=true", "--enable-topology-aware-routing=1"),
            ControllerFacts(
                annotations_risk_level="High", metrics=True, undefined_hosts=True, topology=True, service_upstream=False
            ),
        ),
        (
            None,
            (*PLAIN, "--enable-metrics=true", "--enable-metrics=false", "enable-topology-aware-routing"),
            ControllerFacts(metrics=False, undefined_hosts=False, topology=False),
        ),
    ],
)
def test_what_is_not_set_is_off_and_what_cannot_be_read_is_unknown(
    config: dict[str, str] | None, arguments: tuple[str, ...] | None, facts: ControllerFacts
) -> None:
    assert facts_of(config, arguments) == facts
