"""Errors of asking Prometheus. Raised by ``client.py`` and ``answer_budget.py``."""

from ingress_canary.domain.reasons.message import Message


class PrometheusError(Exception):
    """No usable answer; the message says why and what to do."""

    def __init__(self, why: Message | str) -> None:
        self.why = why
        super().__init__(str(why))


class QueryRefused(PrometheusError):
    """The server does not take the query."""

    def __init__(self, why: str, words: str) -> None:
        """``words`` are the server's own."""
        self.words = words
        super().__init__(why)


class AnswerTooLong(PrometheusError):
    """The answer has more than may be held at once; a shorter span of time has less."""
