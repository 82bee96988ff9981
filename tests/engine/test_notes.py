"""What a reading of the source lacks is logged when it begins, not at each tick."""

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ingress_canary.adapters.clock import SystemClock
from ingress_canary.adapters.telemetry.daemon_metrics import PrometheusTelemetry
from ingress_canary.domain.objects.metadata import Key
from ingress_canary.domain.reasons.message import Message
from ingress_canary.domain.reasons.message_key import MessageKey
from ingress_canary.domain.status.notices import Audience, Notice
from ingress_canary.engine.report import Reporter, undo_event
from ingress_canary.ports import Event, Outlets


class Nobody:
    """A recorder and a notifier that receive nothing here."""

    def record(self, event: Event) -> None:
        raise AssertionError(event)

    def notify(self, notice: Notice) -> None:
        raise AssertionError(notice)


def test_each_thing_that_a_reading_lacks_is_logged_when_it_begins() -> None:
    telemetry = PrometheusTelemetry(CollectorRegistry(), "prometheus")
    reporter = Reporter(Outlets(Nobody(), Nobody()), telemetry, SystemClock(), Audience("ingress-canary"))
    with capture_logs() as lines:
        for notes in ({"a"}, {"a"}, {"a", "b"}, set[str](), {"a"}):
            reporter.note(notes)
    assert [line["note"] for line in lines] == ["a", "b", "a"]
    assert {line["log_level"] for line in lines} == {"warning"}


def test_who_made_the_change_that_was_undone_is_reported() -> None:
    event = undo_event(
        Key("shop", "checkout"), "uid-1", (Message(MessageKey.DRIFT_WEIGHT, weight=90, wanted=10),), "kubectl-edit"
    )
    assert (event.reason, event.message) == ("Intervened", "undone (kubectl-edit): weight 90 % instead of 10 %")
