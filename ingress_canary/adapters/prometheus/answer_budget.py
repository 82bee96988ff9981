"""Budgets of answers: what one tenant's own queries may bring at once. ``client.py`` takes from them as it reads."""

from typing import NamedTuple

from ingress_canary.adapters.prometheus.errors import AnswerTooLong


class Allowance:
    """An amount that one or several answers may have. Of what is beyond ``own``, another one is asked too."""

    def __init__(self, most: int, common: "Allowance | None" = None, own: int = 0) -> None:
        self._most, self._taken = most, 0
        self._common, self._own = common, own

    def take(self, amount: int) -> int | None:
        """Take an amount; return how much there may be where that is too much, None where it is not."""
        self._taken += amount
        if self._taken > self._most:
            return self._most
        beyond = min(amount, self._taken - self._own)
        return self._common.take(beyond) if self._common is not None and beyond > 0 else None


class AnswerBudget(NamedTuple):
    """Bytes and series that one or several answers may have."""

    length: Allowance
    series: Allowance
    remedy: str

    def take(self, size: int) -> None:
        """Account for bytes that were read. Raises AnswerTooLong when they are more than there may be."""
        if (most := self.length.take(size)) is not None:
            raise AnswerTooLong(f"more than {most >> 10} KiB came; {self.remedy}")

    def take_series(self, number: int) -> None:
        """Account for the series of an answer, before it is decoded. Raises AnswerTooLong likewise."""
        if (most := self.series.take(number)) is not None:
            raise AnswerTooLong(f"more than {most} series came; {self.remedy}")
