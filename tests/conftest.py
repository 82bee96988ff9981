"""What every test shares: the template of daemons, and how hypothesis runs on a machine that may be busy."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.forked import TEMPLATE

# how long an example takes says something of the machine and nothing of the code
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def template() -> Iterator[None]:
    """End the template of the daemons with the tests."""
    yield
    TEMPLATE.close()
