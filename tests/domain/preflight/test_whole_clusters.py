"""Preflight as a whole: order, what could not be checked, what blocks, and that no cluster makes it fail."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ingress_canary
from ingress_canary.api.rollout_status import Phase
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.preflight.problem import Problem, ProblemSeverity, blocking, summary
from ingress_canary.domain.preflight.reference_page import FIRST, reference
from ingress_canary.domain.preflight.run_rules import preflight
from ingress_canary.domain.traffic.router.nginx.rules import RULES
from tests.domain.shop import (
    HOST,
    NGINX,
    SHOP,
    Exposed,
    Manifest,
    classed,
    foreign_canary,
    pods,
    primary,
    problems,
    rollout_spec,
    shadow,
    shop,
    subject,
)


def test_the_rules_are_in_the_references_order_and_all_there() -> None:
    numbers = [one.number for one in RULES]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(31))
    assert len({one.id for one in RULES}) == len(RULES)


def test_problems_come_in_the_rules_order_whatever_their_severity() -> None:
    broken = shop(
        primary(affinity="cookie", permanent_redirect="https://x.example", backend_protocol="GRPC"),
        shadow(canary="false"),
        foreign_canary("x"),
        pods("checkout"),
    )
    assert [problem.rule for problem in problems(broken)] == [5, 10, 15, 16, 18, 26]


def test_what_must_exist_is_reported_in_full_before_anything_else_is_asked() -> None:
    nothing = problems(shop(without=["Ingress/checkout", "Service/checkout", "Service/checkout-canary"]))
    assert [problem.field for problem in nothing] == ["spec.ingresses[0]", "spec.stableService", "spec.canaryService"]


def test_without_other_namespaces_the_rules_that_need_them_are_not_checked() -> None:
    unseen = problems(sees_all_namespaces=False)
    assert [(problem.rule, problem.severity) for problem in unseen] == [
        (number, ProblemSeverity.NOT_CHECKED) for number in (1, 5, 6, 7, 8)
    ]


def test_without_ingress_classes_the_class_is_not_checked() -> None:
    (only,) = problems(sees_classes=False)
    assert (only.rule, only.severity) == (9, ProblemSeverity.NOT_CHECKED)
    assert "IngressClasses cannot be read" in only.message
    assert [problem.severity for problem in problems(shop(classed("gone")), sees_classes=False)] == [
        ProblemSeverity.NOT_CHECKED
    ]


def test_what_is_found_in_the_namespaces_that_are_seen_is_an_error_all_the_same() -> None:
    found = {
        problem.rule: problem.severity for problem in problems(shop(foreign_canary("x")), sees_all_namespaces=False)
    }
    assert found == dict.fromkeys((1, 6, 7, 8), ProblemSeverity.NOT_CHECKED) | {5: ProblemSeverity.ERROR}


def test_a_rule_that_the_user_has_opted_out_of_needs_no_sight() -> None:
    shared = problems(spec=rollout_spec(shadow={"shareUpstream": True}), sees_all_namespaces=False)
    assert [problem.rule for problem in shared] == [1, 5, 6, 7]


def problem(severity: ProblemSeverity, number: int = 1, message: str = "it is so") -> Problem:
    return Problem(number, "name", severity, "Ingress a/b", "spec.rules[0]", message, "change it")


ERROR, WARNING, NOT_CHECKED = (
    problem(ProblemSeverity.ERROR),
    problem(ProblemSeverity.WARNING),
    problem(ProblemSeverity.NOT_CHECKED),
)


def test_errors_block_warnings_do_not_and_the_unchecked_do_unless_accepted() -> None:
    every = (WARNING, ERROR, NOT_CHECKED)
    assert blocking(every, accept_unchecked=False) == (ERROR, NOT_CHECKED)
    assert blocking(every, accept_unchecked=True) == (ERROR,)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), "preflight found nothing"),
        ((WARNING,), "Ingress a/b spec.rules[0]: it is so; change it"),
        ((WARNING, NOT_CHECKED, ERROR), "Ingress a/b spec.rules[0]: it is so; change it (and 2 more)"),
        (
            (WARNING, NOT_CHECKED, problem(ProblemSeverity.NOT_CHECKED, 5)),
            "not checked: rules 1, 5 (it is so); change it",
        ),
    ],
)
def test_the_summary_is_one_sentence_about_the_gravest(found: tuple[Problem, ...], expected: str) -> None:
    assert str(summary(found)) == expected


def test_the_summary_fits_a_status_message() -> None:
    long = str(summary((problem(ProblemSeverity.ERROR, message="x" * 2000), WARNING)))
    assert len(long) == MESSAGE_LENGTH
    assert long.endswith("... (and 1 more)")


def test_the_reference_page_has_a_row_with_a_remedy_for_every_rule() -> None:
    rows = [line.strip("| ").split(" | ") for line in reference(RULES).splitlines() if re.match(r"\| \d", line)]
    first = [(0, f"`{name}`", "Error") for name, _, _ in FIRST]
    assert [(int(cells[0]), cells[1], cells[2]) for cells in rows] == first + [
        (one.number, f"`{one.id}`", one.severity.value) for one in RULES
    ]
    assert all(len(cells) == 6 and all(cells) for cells in rows)


names = st.sampled_from(["checkout", "checkout-canary", "x", "", "a-b"])
maybe_names = st.none() | names
texts = st.sampled_from(["true", "false", "cookie", "10%", "GRPC", "", "Low", "https://x"])
keys = st.sampled_from(
    [
        f"{NGINX}/{key}"
        for key in (
            "canary",
            "canary-weight",
            "affinity",
            "ssl-passthrough",
            "upstream-hash-by-subset",
            "default-backend",
        )
    ]
    + ["kubernetes.io/ingress.class", "cert-manager.io/issuer", "free"]
)


def partly(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Manifest]:
    """Return objects any of whose members may be absent or null."""
    return st.fixed_dictionaries({}, optional={key: st.none() | value for key, value in members.items()})


ports = partly(number=st.integers(0, 70000), name=names)
backends = partly(service=partly(name=names, port=ports), resource=partly(kind=names))
paths = partly(
    path=st.sampled_from(["/", "", "/v2", "/(.*)"]),
    pathType=st.sampled_from(["Exact", "Prefix", "?"]),
    backend=backends,
)
rules = partly(host=st.sampled_from([HOST, "", "*.example"]), http=partly(paths=st.lists(paths, max_size=3)))
metadatas: st.SearchStrategy[Manifest] = st.fixed_dictionaries(
    {"name": names, "namespace": st.sampled_from(["shop", "else"])},
    optional={
        "annotations": st.none() | st.dictionaries(keys, texts, max_size=4),
        "creationTimestamp": st.sampled_from([None, "", "soon", "2026-01-01T00:00:00Z"]),
        "ownerReferences": st.none() | st.just([{"controller": True, "uid": "rollout-uid"}]) | st.just([{}]),
        "deletionTimestamp": st.none() | st.just("2026-01-01T00:00:00Z"),
    },
)
ingresses = st.fixed_dictionaries(
    {"kind": st.just("Ingress"), "metadata": metadatas},
    optional={
        "spec": st.none()
        | partly(
            ingressClassName=names,
            defaultBackend=backends,
            rules=st.lists(rules, max_size=3),
            tls=st.lists(st.just({})),
        )
    },
)


@settings(max_examples=150)
@given(
    st.lists(ingresses, max_size=4),
    st.booleans(),
    st.booleans(),
    st.sampled_from(list(Phase)),
    st.sampled_from([None, 0, 0.125, 100]),
)
def test_no_cluster_makes_preflight_fail(
    found: list[Manifest], all_namespaces: bool, classes: bool, phase: Phase, weight: float | None
) -> None:
    about = subject(
        (*SHOP[1:], *found),
        sees_all_namespaces=all_namespaces,
        sees_classes=classes,
        phase=phase,
        next_weight=weight,
        routes=(Exposed(),),
    )
    for one in preflight(about, RULES):
        assert one.object
        assert one.field
        assert one.message
        assert one.remedy
    # each rule by itself as well, whatever rule 0 says
    if about.primary is not None:
        for each in RULES:
            tuple(each.problems(about))


def test_nothing_depends_on_a_rules_number() -> None:
    package = Path(ingress_canary.__file__).parent
    compared = [
        f"{file.relative_to(package)}:{node.lineno}"
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Attribute) and ast.unparse(side) in {"problem.rule", "rule.number", "finding.rule"}
    ]
    assert compared == []
