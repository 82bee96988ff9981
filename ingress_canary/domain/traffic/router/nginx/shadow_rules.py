"""Shadow rules of an existing shadow: 2, 3, 4, 17 and 18.

The router makes shadows that keep them; they are asked again before every step, for other writers and an edited
primary.
"""

from collections.abc import Iterator

from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import ProblemSeverity
from ingress_canary.domain.preflight.rule import RuleFinding, rule
from ingress_canary.domain.traffic.router.nginx.annotations import (
    INERT,
    annotation_field,
    annotation_value,
    ingress_label,
    leaks,
    takes_effect,
)
from ingress_canary.domain.traffic.router.nginx.conflict_rules import stable_locations, uses

HARMFUL_METADATA = (
    "acme.cert-manager.io/",
    "cert-manager.io/",
    "external-dns.alpha.kubernetes.io/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
)
"""Rule 17: metadata by which other machines act on a clone as if it were the original."""

REPAIR = "remove the edit; the daemon writes the shadow anew from the primary when it is gone"


@rule(2)
def shadow_leaves_stable_alone(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The shadow never references the stable Service and has no default backend: that wipes the stable upstream.

    Remedy: undo the edit of the shadow.
    """
    if subject.shadow is None:
        return
    mine = ingress_label(subject.shadow)
    if subject.shadow.default_backend is not None:
        yield RuleFinding(
            mine, "spec.defaultBackend", "a canary's default backend joins or wipes other upstreams", REPAIR
        )
    for use in uses(subject.shadow):
        if use.service == subject.stable.name:
            yield RuleFinding(
                mine, use.field, "it leads to the stable Service, which wipes the stable upstream", REPAIR
            )


@rule(3)
def shadow_has_only_canary_paths(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The shadow has no rule without http, which panics the controller, and no path to another Service.

    Remedy: undo the edit of the shadow.
    """
    if subject.shadow is None:
        return
    mine = ingress_label(subject.shadow)
    for r, ingress_rule in enumerate(subject.shadow.rules):
        if ingress_rule.paths is None:
            yield RuleFinding(
                mine, f"spec.rules[{r}]", "a canary's rule without http makes the controller panic", REPAIR
            )
        for p, path in enumerate(ingress_rule.paths or ()):
            if path.backend.service not in {subject.canary.name, subject.stable.name}:
                backend = path.backend.service or "a resource"
                yield RuleFinding(
                    mine,
                    f"spec.rules[{r}].http.paths[{p}].backend",
                    f"it leads to {backend}, not to the canary",
                    REPAIR,
                )


@rule(4)
def shadow_matches_the_primary(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The shadow's hosts, paths and types equal the primary's: one path that matches none drops the canary for all.

    Remedy: undo the edit of the shadow, or let the daemon write it anew from the changed primary.
    """
    if subject.shadow is None:
        return
    locations = stable_locations(subject)
    for use in uses(subject.shadow):
        if use.location and use.location not in locations:
            yield RuleFinding(
                ingress_label(subject.shadow),
                use.field,
                f"{use.location} is no path of {ingress_label(subject.ingress)} to Service {subject.stable}; "
                "one such path drops the canary for all",
                REPAIR,
            )


@rule(17, ProblemSeverity.WARNING)
def shadow_carries_only_what_takes_effect(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The shadow carries nothing that a canary Ingress ignores, or that does damage on a clone.

    Other annotations have no effect or leak into the primary's server, TLS is ignored, tools act on their metadata.

    Remedy: remove it from the shadow; set it on the primary.
    """
    if subject.shadow is None:
        return
    mine = ingress_label(subject.shadow)
    if subject.shadow.spec.get("tls"):
        yield RuleFinding(mine, "spec.tls", "TLS of a canary Ingress is ignored", "remove it; the primary's counts")
    for key in subject.shadow.meta.annotations:
        name = key.removeprefix(f"{subject.prefix}/")
        if name != key and not takes_effect(name):
            message = _misplaced(name)
            yield RuleFinding(mine, f"metadata.annotations[{key}]", message, "remove it; set it on the primary")
        elif key.startswith(HARMFUL_METADATA):
            message = "another tool would act on the shadow as if it were the primary"
            yield RuleFinding(mine, f"metadata.annotations[{key}]", message, "remove it from the shadow")


def _misplaced(name: str) -> str:
    """Return what is wrong with an annotation that belongs on the primary."""
    if name in INERT:
        return "it has no effect on a canary Ingress"
    return (
        "it leaks into the primary's server"
        if leaks(name)
        else "it is not known, and may leak into the primary's server"
    )


@rule(18)
def shadow_is_marked(subject: PreflightInputs) -> Iterator[RuleFinding]:
    """The shadow says canary "true", from its creation on: without it, or with an invalid value, it owns the path.

    Remedy: delete the shadow; never toggle the annotation.
    """
    if subject.shadow is None:
        return
    value = annotation_value(subject, subject.shadow, "canary")
    if value != "true":
        yield RuleFinding(
            ingress_label(subject.shadow),
            annotation_field(subject, "canary"),
            f'it is {value!r} instead of "true": the shadow is a plain Ingress that owns the path',
            "delete the shadow at once",
        )
