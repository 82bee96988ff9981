"""What goes on is logged when it begins, when it changes, and once a minute."""

from ingress_canary.logs import REMIND_AFTER, Reminder


def test_what_goes_on_is_logged_again_when_it_changes_and_once_a_minute() -> None:
    reminder = Reminder()
    logged = [(text, now) for now, text in enumerate(["refused"] * 3 + ["reset"] * 130) if reminder.due(text, now)]
    assert logged == [("refused", 0), ("reset", 3), ("reset", 3 + REMIND_AFTER), ("reset", 3 + 2 * REMIND_AFTER)]
