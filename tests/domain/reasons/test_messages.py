"""Messages: one table of sentences, one renderer, and calls that fit the table."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import ingress_canary
from ingress_canary.api.units import MESSAGE_LENGTH
from ingress_canary.domain.reasons.message import Message, verbatim
from ingress_canary.domain.reasons.message_key import MessageKey

PACKAGE = Path(ingress_canary.__file__).parent


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call that makes a message, with the place where it stands."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name in ("message.py", "message_key.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Message":
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node


def key_of(call: ast.Call) -> MessageKey | None:
    """Return the key of a call that names it; None for any other."""
    match call.args:
        case [ast.Attribute(value=ast.Name(id="MessageKey"), attr=name)]:
            return MessageKey[name]
        case _:
            return None


def test_every_message_names_its_key_and_gives_each_field_of_the_template() -> None:
    unfit = {}
    for place, call in calls():
        key, given = key_of(call), [keyword.arg for keyword in call.keywords]
        if key is None:
            unfit[place] = "the key is computed"
        elif set(given) != key.fields:
            unfit[place] = f"{key.name} is given {given} and has {sorted(key.fields)}"
    assert unfit == {}


def test_every_sentence_of_the_table_is_said() -> None:
    said = {key_of(call) for _, call in calls()} | {MessageKey.VERBATIM}
    assert [key.name for key in MessageKey if key not in said] == []


@pytest.mark.parametrize("key", MessageKey, ids=lambda key: key.name)
def test_a_template_reads_as_a_part_of_a_sentence(key: MessageKey) -> None:
    text = key.value
    assert text, "a message that says nothing is no message"
    assert "  " not in text
    assert text == text.rstrip(" .") or key.name.startswith("FOR_"), "sentences end without a full stop"
    assert len(text) < MESSAGE_LENGTH


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Message(MessageKey.BAKING, step="step 1", left=90.4, evidence="all well"),
         "step 1: 1m30s of judged time to go; all well"),
        (Message(MessageKey.SLO_FAILED, shown="1% bad", limits=("a", verbatim("b")), where="", proof=20.0, needed=6.0,
                 alpha=0.01, bursts=""),
         "canary 1% bad is worse a and b; E=4.9e8 >= 403, chance of a false rollback <= 1%"),
        (Message(MessageKey.WAIT, rate=0.5, span=timedelta(minutes=3)), ", at the present 0.5/s about 3m"),
        (Message(MessageKey.GATE_NEXT_AT, at=datetime(2026, 3, 2, 10, tzinfo=UTC)), ", next at 10:00:00 UTC"),
        (Message(MessageKey.EFFECT_FORCED, canary=1234), "1,234 forced requests seen"),
    ],
    ids=lambda value: value.key.name if isinstance(value, Message) else "",
)  # fmt: skip
def test_a_message_is_rendered_with_the_units_of_its_template(message: Message, text: str) -> None:
    assert str(message) == text


def test_a_long_message_is_cut_and_what_gives_way_shows_it() -> None:
    assert str(verbatim("x" * 5000)) == "x" * (MESSAGE_LENGTH - 3) + "..."
    noted = str(Message(MessageKey.NOTED, message=verbatim("x" * 5000), note="see #4711"))
    assert len(noted) == MESSAGE_LENGTH
    assert noted.endswith("xx... (see #4711)")
    assert str(Message(MessageKey.NOTED, message=verbatim("paused"), note="see #4711")) == "paused (see #4711)"


def test_substance_leaves_out_measurements_at_any_depth() -> None:
    def said(left: float, why: Message) -> Message:
        inner = Message(MessageKey.BAKING, step=why, left=left, evidence="")
        return Message(MessageKey.EVIDENCE, slos=(Message(MessageKey.SLO, name="a", sentence=inner),))

    stale, staler = Message(MessageKey.STALE, age=30.0), Message(MessageKey.STALE, age=40.0)
    assert said(1, stale).substance == said(2, staler).substance
    assert said(1, stale).substance != said(1, verbatim("refused")).substance
    assert said(1, stale) != said(1, staler)
