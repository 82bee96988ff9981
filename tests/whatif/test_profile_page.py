"""docs/reference/traffic-profiles.md says of each profile what the code says, and has figures of commands that work."""

import inspect
import re
import shlex
from pathlib import Path

import pytest

from ingress_canary.cli.inputs.traffic_option import option, traffic_profile
from ingress_canary.whatif.traffic_profiles.registry import PROFILES

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/traffic-profiles.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part.partition("\n")[2] for part in PAGE.split("\n## ")[1:]}
ROW = re.compile(r"^\| `(--[^`]*)` \|(.*)\|$", re.MULTILINE)


def words(text: str) -> str:
    return " ".join(text.split())


def test_each_profile_has_a_section_in_the_order_of_the_list() -> None:
    assert list(SECTIONS) == list(PROFILES)


@pytest.mark.parametrize("name", list(PROFILES))
def test_a_section_says_what_happens_as_the_code_does_and_shows_all_sizes(name: str) -> None:
    line, _, paragraph = inspect.cleandoc(PROFILES[name].__doc__ or "").partition("\n\n")
    parts = SECTIONS[name].strip().split("\n\n")
    assert words(parts[0]) == words(f"{line} {paragraph}")
    assert parts[1] == f"    --traffic {option(PROFILES[name]())}"
    assert len(parts) == 4, "what the judge makes of it, and figures"


@pytest.mark.parametrize("name", list(PROFILES))
def test_figures_are_of_the_section_s_profile_and_are_there(name: str) -> None:
    rows = ROW.findall(SECTIONS[name])
    assert len(rows) >= 2
    for options, figures in rows:
        given = shlex.split(options)
        assert traffic_profile(given[given.index("--traffic") + 1]).name == name
        *shares, _ = figures.split("|")
        assert sum(float(share.strip().rstrip("%")) for share in shares) == pytest.approx(100, abs=0.11)
