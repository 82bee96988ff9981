"""What is made of users' queries is remembered by bytes: many short ones, and not too many long ones."""

from ingress_canary.domain.metrics.promql import REMEMBERED, fill, parsed, selector
from ingress_canary.domain.metrics.remembered import ENTRY, remembered
from ingress_canary.domain.metrics.samples import Side
from tests.domain.metrics.test_promql import parses

__all__ = ["parses"]

ROLLOUTS = 400
"""With twelve queries each, in turn: an older bound by number let none of them be found again."""


def test_the_queries_of_many_rollouts_are_parsed_once(parses: list[str]) -> None:
    for _ in range(3):
        for rollout in range(ROLLOUTS):
            for number in range(12):
                assert selector(f'sum(many_{number}{{r="{rollout}"}})') == f'many_{number}{{r="{rollout}"}}'
    assert len(parses) == 12 * ROLLOUTS


def test_long_ones_are_held_within_the_bound_and_the_newest_stay() -> None:
    calls: list[str] = []

    @remembered(10 * (ENTRY + 2000))
    def doubled(text: str) -> str:
        calls.append(text)
        return 2 * text

    texts = [f"{number:600}" for number in range(20)]
    for text in texts:
        assert doubled(text) == 2 * text
        assert doubled.size <= 10 * (ENTRY + 2000)
    calls.clear()
    assert [doubled(text) for text in reversed(texts)] == [2 * text for text in reversed(texts)]
    assert 0 < len(calls) < 20
    assert calls[0] != texts[-1]


def test_a_query_whose_names_are_long_is_cut_where_no_server_takes_it_and_never_held_whole() -> None:
    template = "{{ingress}}" * 372
    query = fill(template, {"ingress": "i" * 253}, Side.CANARY)
    assert len(query) == 16_001
    assert parsed(query).not_counter is not None
    assert str(parsed(query).not_counter).startswith("has 16001 bytes, and 16000 are the most")
    assert parsed.size < REMEMBERED
