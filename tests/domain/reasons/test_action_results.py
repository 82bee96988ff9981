"""The text of an action's result is made and read in one place, and fits the status."""

from typing import get_args, get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from ingress_canary.api.rollout_status import ActionStatus
from ingress_canary.api.schema.field_docs import field_docs
from ingress_canary.domain.reasons.action_results import (
    RESULT,
    ActionOutcome,
    Refusal,
    no_effect,
    parse_result,
    render_result,
    stale,
)
from ingress_canary.domain.reasons.message import verbatim

REFUSALS = get_args(get_type_hints(Refusal)["outcome"])


def test_every_outcome_but_done_is_a_refusal() -> None:
    assert {*REFUSALS, ActionOutcome.DONE} == set(ActionOutcome)


def test_a_result_is_its_outcome_and_why() -> None:
    assert render_result(None) == "done"
    assert render_result(no_effect(verbatim("spec.paused is true"))) == "no effect: spec.paused is true"
    assert render_result(stale(verbatim("it names step 1, this is step 2"))) == "stale: it names step 1, this is step 2"


@given(st.sampled_from(REFUSALS), st.text(max_size=400))
def test_what_is_rendered_is_read_back_and_can_be_stored(outcome: ActionOutcome, why: str) -> None:
    text = render_result(Refusal(outcome, verbatim(why)))  # type: ignore[arg-type]  # any of them
    assert parse_result(text) is outcome
    assert len(ActionStatus(id="1", verb="pause", result=text).result) <= RESULT


def test_what_no_outcome_begins_is_none() -> None:
    for text in ("", "asked for", "donee", "no answer within 10 s; is the daemon running?", "superseded: by v3"):
        assert parse_result(text) is None
    assert parse_result("done") is ActionOutcome.DONE


def test_the_schema_names_every_outcome() -> None:
    described = field_docs(ActionStatus)["result"]
    assert [outcome for outcome in ActionOutcome if f"``{outcome}``" not in described] == []
