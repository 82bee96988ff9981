"""Cache of preflight's findings: rules are evaluated again only when an object that they read has changed.

Rules are functions of the subject and of what they ask its view, so what they found last holds while the subject and
each answer are the same. ``engine/state/rollout_state.py`` has one for each rollout.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from ingress_canary.domain.objects.cluster_view import ClusterView
from ingress_canary.domain.preflight.inputs import PreflightInputs
from ingress_canary.domain.preflight.problem import Problem
from ingress_canary.domain.preflight.rule import PreflightRule
from ingress_canary.domain.preflight.run_rules import preflight


class CachedPreflight:
    """The last findings of the rules, with the objects that they read."""

    def __init__(self) -> None:
        self._subject: PreflightInputs | None = None
        self._rules: Sequence[PreflightRule] = ()
        self._asked: Sequence[tuple[Callable[[], object], object]] = ()
        """Each question that the rules put to the view, with the answer that it had."""
        self._found: tuple[Problem, ...] = ()

    def __call__(self, subject: PreflightInputs, rules: Sequence[PreflightRule]) -> tuple[Problem, ...]:
        """Return the problems that the rules find, in their order, as :func:`preflight` does."""
        if subject != self._subject or rules != self._rules or not self._holds():
            witness = _RecordingInputs(subject.view)
            self._found = preflight(subject._replace(view=cast("ClusterView", witness)), rules)
            self._asked = tuple(witness.asked.values())
        # of equal subjects the newest is kept: it shares most with the next
        self._subject, self._rules = subject, rules
        return self._found

    def _holds(self) -> bool:
        # what has not been replaced is the same object, which is quicker to see than that it is equal
        return all((now := ask()) is answer or now == answer for ask, answer in self._asked)


class _RecordingInputs:
    """A view that records every look-up with its result."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self.asked: dict[tuple[Any, ...], tuple[Callable[[], object], object]] = {}

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._view, name)
        if not callable(member):
            return self._ask((name,), partial(getattr, self._view, name))
        return lambda *arguments: self._ask((name, *arguments), partial(member, *arguments))

    def _ask(self, question: tuple[Any, ...], ask: Callable[[], object]) -> object:
        if question not in self.asked:
            self.asked[question] = ask, ask()
        return self.asked[question][1]
