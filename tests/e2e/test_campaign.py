"""A short fault campaign: what `make campaign` does with a thousand faults, with fifty."""

from pathlib import Path

import pytest

from tests.campaign.report import as_text
from tests.campaign.run import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FAULTS = 50


async def test_fifty_faults_violate_nothing_and_every_release_ends_as_it_must(tmp_path: Path) -> None:
    outcome = await run(FAULTS, seed=1, room=tmp_path, tell=lambda _: None)
    assert outcome.held, as_text(outcome)
    assert outcome.injected.total() == FAULTS
    assert outcome.releases.total() >= 8
    assert outcome.judgement.checked["no rise without a cause"] > 0
    assert outcome.judgement.checked["one writer"] > 0
    assert outcome.judgement.checked["ends as it must"] == outcome.releases.total()
