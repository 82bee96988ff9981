"""Preflight at every tick of a rollout that waits at a step: the rules are asked anew once something is different.

Rules are functions of the subject and of what they ask its view, so what they found last holds while the subject and
each answer are the same. ``engine/observe.py`` keeps one of these for each rollout.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from ingress_canary.domain.objects import View
from ingress_canary.domain.preflight.check import preflight
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.preflight.rule import Rule
from ingress_canary.domain.preflight.subject import Subject


class Preflight:
    """What the rules found last, and what they looked at."""

    def __init__(self) -> None:
        self._subject: Subject | None = None
        self._rules: Sequence[Rule] = ()
        self._answers: dict[tuple[Any, ...], object] = {}
        self._found: tuple[Problem, ...] = ()

    def __call__(self, subject: Subject, rules: Sequence[Rule]) -> tuple[Problem, ...]:
        """Return what the rules find, in their order, as :func:`preflight` does."""
        if subject != self._subject or rules != self._rules or not self._holds(subject.view):
            witness = _Witness(subject.view)
            self._found = preflight(subject._replace(view=cast("View", witness)), rules)
            self._answers = witness.answers
        # of equal subjects the newest is kept: it shares most with the next
        self._subject, self._rules = subject, rules
        return self._found

    def _holds(self, view: View) -> bool:
        return all(_answer(view, *question) == answer for question, answer in self._answers.items())


class _Witness:
    """A view that keeps every question with its answer."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.answers: dict[tuple[Any, ...], object] = {}

    def __getattr__(self, name: str) -> Any:
        if not callable(getattr(self._view, name)):
            return self._ask(name)
        return self._asked(name)

    def _asked(self, name: str) -> Callable[..., object]:
        return lambda *said: self._ask(name, *said)

    def _ask(self, *question: Any) -> object:
        if question not in self.answers:
            self.answers[question] = _answer(self._view, *question)
        return self.answers[question]


def _answer(view: View, name: str, *said: Any) -> object:
    found = getattr(view, name)
    return found(*said) if callable(found) else found
