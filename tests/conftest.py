"""What every test shares: order, coverage, the template of daemons, and how hypothesis runs on a busy machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.forked import TEMPLATE

# how long an example takes says something of the machine and nothing of the code
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

DOMAIN = Path(__file__).parent / "domain"


@pytest.fixture(scope="session", autouse=True)
def template() -> Iterator[None]:
    """End the template of the daemons with the tests."""
    yield
    TEMPLATE.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those begin first that may take longest, so that no long one is left alone at the end; trace domain's own."""
    items.sort(key=allowed, reverse=True)
    for item in items:
        if DOMAIN not in item.path.parents:
            item.add_marker(pytest.mark.no_cover)


def allowed(item: pytest.Item) -> float:
    """Return the seconds that a test asks for; 0 where the common timeout will do."""
    asked = item.get_closest_marker("timeout")
    return float(asked.args[0]) if asked else 0.0
