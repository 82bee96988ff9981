"""Every verb with what its row says of it, and what a rollout answers."""

from ingress_canary.domain.reasons.action_results import ActionOutcome
from ingress_canary.domain.reasons.verbs import Verb
from reference.markdown import GENERATED, code, table

HEAD = f"""\
# Verbs

{GENERATED}
A verb is a command, `ingress-canary <verb> checkout -n shop`, or an annotation,
`ingress-canary.io/action: <verb>[:<revision>[/<step>]]#<id>[#<why>]`: [pause, resume, abort,
retry](../howto/pause-resume-abort.md), [approve](../howto/approve.md). What holds whatever a person asks for:
[ADR 12](../adr/0012-what-a-person-may-overrule.md).

"""
RIGHTS = """
- **names:** what the annotation must name; the command takes it from the status. Any verb may name its revision, and is
  stale when that is another one.
- **raises:** it may send more requests to the canary, at once or later; so it has no effect in the pass that proves the
  canary bad.
- **on sight:** it refers to the state that its sender saw; it is stale when the shadow, the spec or the canary has just
  been changed.
- **right:** whoever may patch the CanaryRollout may use every verb; with `config/admission/approve.yaml` these need the
  RBAC verb `approve` too.

## Results

`status.lastAction.result`, which the command prints, is one of these words; all but `done` are followed by a colon and
why. The command exits 0 when it is done, else 1. An action is handled once, and never kept for later.

"""
OUTCOMES = {
    ActionOutcome.DONE: "It was carried out.",
    ActionOutcome.NO_EFFECT: "The state of the rollout does not admit it.",
    ActionOutcome.STALE: "It refers to a state that is gone: another revision or step, or what was just changed.",
    ActionOutcome.MALFORMED: "The annotation has no id, an unknown verb, or lacks a revision or step.",
}


def page() -> str:
    """Return the page."""
    rows = [
        (
            code(verb), verb.row.help, verb.row.target.value, _mark(verb.row.raises_exposure), _mark(verb.row.on_sight),
            _mark(verb.row.guarded),
        )
        for verb in Verb
    ]  # fmt: skip
    verbs = table(("verb", "what it does", "names", "raises", "on sight", "right"), rows)
    return HEAD + verbs + RIGHTS + table(("result", "meaning"), ((code(one), OUTCOMES[one]) for one in ActionOutcome))


def _mark(wanted: bool) -> str:
    return "yes" if wanted else ""
