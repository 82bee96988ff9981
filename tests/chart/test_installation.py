"""The chart's objects are all taken by an API server, whatever is turned on."""

from pathlib import Path
from typing import Any

import pytest

from tests.chart.charts import SETS
from tests.chart.installed import installed


@pytest.mark.parametrize("name", SETS)
async def test_the_api_server_takes_every_object_of_every_documented_set(name: str, tmp_path: Path) -> None:
    async with installed(SETS[name], tmp_path) as found:
        api = found.lab.api.store
        kinds: dict[Any, Any] = {(one.api_version, one.kind): one for one in api.registry}
        for document in found.documents:
            meta = document["metadata"]
            stored = api.get(kinds[document["apiVersion"], document["kind"]], meta.get("namespace", ""), meta["name"])
            assert stored["metadata"]["uid"]
