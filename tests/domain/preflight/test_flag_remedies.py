"""Remedies that name a flag of the controllers: with it they start, and the problem is gone.

The rules of the flags are those of pkg/flags/flags.go of ingress-nginx v1.15: the controller ends at once with a flag
that it does not know, a value that is none, or flags that exclude each other.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from ingress_canary.domain.metrics.capabilities import OF_CONTROLLERS
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.traffic.router.nginx.controller_config import facts_of
from tests.domain.shop import HOST, Manifest, ingress, meta, path, problems, rule, service, shop

BOOLEANS = {
    "enable-metrics": False,
    "metrics-per-host": True,
    "metrics-per-undefined-host": False,
    "report-status-classes": False,
    "enable-topology-aware-routing": False,
    "watch-ingress-without-class": False,
}
"""With what they are where they are not given."""
SAID = ("enable-metrics", "metrics-per-host", "metrics-per-undefined-host")
"""Those of which remedies speak."""
TEXTS = {"exclude-socket-metrics", "ingress-class", "controller-class"}
VALUES = {
    word: word[0] in "1tT" for word in ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False")
}
FAMILIES = ("nginx_ingress_controller_requests", "nginx_ingress_controller_request_duration_seconds")

Arguments = tuple[str, ...]


def refusal(arguments: Sequence[str]) -> str | None:
    """Return why the controller ends at its start; None where it goes on."""
    booleans = dict(BOOLEANS)
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        if name in BOOLEANS and (not equals or value in VALUES):
            booleans[name] = VALUES.get(value, True)
        elif name not in TEXTS or not equals:
            return f"{argument} is no flag, or has another value"
    if booleans["metrics-per-undefined-host"] and not booleans["metrics-per-host"]:
        return "--metrics-per-undefined-host=true must be passed with --metrics-per-host=true"
    return None


def runnable() -> Iterator[Arguments]:
    """Yield the arguments of every controller that runs, of the flags that remedies speak of, given or not."""
    choices: list[Arguments] = [("", f"--{name}", f"--{name}=false") for name in SAID]
    choices.append(("", *(f"--exclude-socket-metrics={left_out}" for left_out in (*FAMILIES, ",".join(FAMILIES)))))
    for given in product(*choices):
        arguments = tuple(filter(None, given))
        if refusal(arguments) is None:
            yield arguments


def found(arguments: Arguments, *changed: Manifest, weight: float) -> tuple[Problem, ...]:
    """Return the problems of a cluster whose controllers have these arguments."""
    return problems(shop(*changed), facts=facts_of({}, arguments), next_weight=weight, judged_by=OF_CONTROLLERS)


def follow(remedy: str, arguments: Arguments) -> Arguments:
    """Return the arguments as a person leaves them who does what a remedy says."""
    match = re.fullmatch(r"start the controllers with (--\S+)", remedy)
    if match:
        return (*arguments, match[1])
    match = re.fullmatch(r"remove (\S+) from --(\S+) of the controllers", remedy)
    assert match, f"nothing that the controllers can be told: {remedy}"
    flag = f"--{match[2]}="
    return tuple(
        flag + ",".join(word for word in one.removeprefix(flag).split(",") if word != match[1])
        if one.startswith(flag)
        else one
        for one in arguments
    )


CLUSTERS: dict[str, tuple[Manifest, ...]] = {
    "a host": (),
    "a wildcard": (ingress(meta("checkout"), rule("*.shop.example", path("checkout"))),),
    "no host, beside a host": (ingress(meta("checkout"), rule(HOST, path("checkout")), rule("", path("checkout"))),),
    "zones": (service("checkout", trafficDistribution="PreferClose"),),
}


@pytest.mark.parametrize("weight", [0, 10])
@pytest.mark.parametrize("changed", CLUSTERS.values(), ids=CLUSTERS)
def test_with_the_flag_that_a_remedy_names_the_controllers_start_and_the_problem_is_gone(
    changed: tuple[Manifest, ...], weight: float
) -> None:
    followed = 0
    for arguments in runnable():
        for problem in found(arguments, *changed, weight=weight):
            if "--" not in problem.remedy:
                continue
            followed += 1
            told = follow(problem.remedy, arguments)
            assert refusal(told) is None, (arguments, problem.remedy)
            assert problem not in found(told, *changed, weight=weight), (arguments, problem.remedy)
    assert followed > 0


def test_the_flags_are_refused_as_the_controller_refuses_them() -> None:
    assert refusal(("--metrics-per-host=false", "--metrics-per-undefined-host=true"))
    assert refusal(("--metrics-per-undefined-host", "--metrics-per-host=false", "--metrics-per-host=true")) is None
    assert refusal(("--metrics-per-all-hosts",))
    assert refusal(("--enable-metrics=yes",))
