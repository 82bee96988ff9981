"""What ingress-nginx's ConfigMap and arguments say of what the rules ask."""

import pytest

from ingress_canary.domain.metrics.capabilities import Capability
from ingress_canary.domain.preflight.inputs import ControllerFacts
from ingress_canary.domain.traffic.router.nginx.controller_config import facts_of
from ingress_canary.domain.traffic.router.nginx.metric_families import DURATION, PREFIX
from ingress_canary.domain.traffic.router.nginx.own_answers import UNREAD, statuses_of

PLAIN = ("/nginx-ingress-controller", "--ingress-class=nginx")

OFF = ControllerFacts(service_upstream=False)
"""Of a ConfigMap that says nothing."""
STARTED = ControllerFacts(
    metrics=False, undefined_hosts=False, topology=False, legacy_class="nginx", without_class=False
)
"""Of arguments that say nothing."""


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
            {"http-redirect-code": "301", "location-snippet": "if ($bot) { return 403; }"},
            None,
            OFF._replace(own_answers=frozenset({"301", "403"})),
        ),
        ({"http-redirect-code": "308"}, None, OFF),
        ({"http-redirect-code": "200"}, None, OFF),
        (
            {"annotations-risk-level": "Low"},
            None,
            OFF._replace(annotations_risk_level="Low"),
        ),
        (
            None,
            (*PLAIN, "--enable-metrics", "--metrics-per-host=false"),
            STARTED._replace(metrics=True, undefined_hosts=True),
        ),
        ({}, PLAIN, STARTED._replace(service_upstream=False)),
        (None, ("/nginx-ingress-controller",), STARTED),
        (
            {"annotations-risk-level": "High"},
            (*PLAIN, "--enable-metrics", "-metrics-per-undefined-host=true", "--enable-topology-aware-routing=1"),
            STARTED._replace(
                annotations_risk_level="High", metrics=True, undefined_hosts=True, topology=True, service_upstream=False
            ),
        ),
        (
            None,
            (*PLAIN, "--enable-metrics=true", "--enable-metrics=false", "enable-topology-aware-routing"),
            STARTED,
        ),
        (
            None,
            (*PLAIN, "--ingress-class", "internal", "--watch-ingress-without-class"),
            STARTED._replace(legacy_class="internal", without_class=True),
        ),
        (
            None,
            (*PLAIN, f"--exclude-socket-metrics={PREFIX}requests,bytes_sent", "--exclude-socket-metrics", DURATION),
            STARTED._replace(left_out=frozenset({Capability.REQUESTS, Capability.LATENCY_BUCKETS})),
        ),
        (None, (*PLAIN, f"--exclude-socket-metrics={DURATION}_bucket,response_duration_seconds"), STARTED),
    ],
)
def test_what_is_not_set_is_off_and_what_cannot_be_read_is_unknown(
    config: dict[str, str] | None, arguments: tuple[str, ...] | None, facts: ControllerFacts
) -> None:
    assert facts_of(config, arguments) == facts


@pytest.mark.parametrize(
    ("snippet", "statuses"),
    [
        ("", []),
        ("more_set_headers 'Server: shop';", []),
        ("return 403;", ["403"]),
        ("if ($http_x_bot) { return 403; }\nreturn 200 'fine';", ["200", "403"]),
        ("if ($a){return 301 https://$host$uri;}", ["301"]),
        ("return https://shop.example;", ["302"]),
        ("return $scheme://shop.example;", ["302"]),
        ('return "204";', ["204"]),
        ("return $code;", [UNREAD]),
        ("# return 403;\nset $returned 1; # return 500;", []),
        ("rewrite ^/old/(.{2})$ /new/$1 permanent;", ["301"]),
        ("rewrite ^ /login redirect;", ["302"]),
        ("rewrite ^/(.*)$ https://shop.example/$1;", ["302"]),
        ("rewrite ^/a /b break; proxy_set_header X-Return 1;", []),
    ],
)
def test_what_a_snippet_of_a_location_answers(snippet: str, statuses: list[str]) -> None:
    assert sorted(statuses_of(snippet)) == statuses
