"""The API server that the contract suites run against."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from ingress_canary.lab.kubeapi import KubeApi
from tests.lab.api_client import Json


@pytest.fixture(scope="session")
def real_kubeconfig() -> Json | None:
    path = os.environ.get("E2E_KUBECONFIG")
    return yaml.safe_load(Path(path).read_text()) if path else None


@pytest.fixture
async def kubeconfig(real_kubeconfig: Json | None) -> AsyncIterator[Json]:
    """The kubeconfig of the real server that E2E_KUBECONFIG names, or of a lab's."""
    if real_kubeconfig:
        yield real_kubeconfig
        return
    async with KubeApi() as lab:
        yield lab.kubeconfig()
