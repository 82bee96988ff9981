"""The generated files of the chart: CRDs, schema, README, and the copies of what config/ holds."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from reference.chart_schema import DERIVED, default, schema
from reference.markdown import GENERATED, code, table

ROOT = Path(__file__).resolve().parents[2]
CHART = "charts/ingress-canary"
COPIED = {"prometheus": "*.yaml", "grafana": "*.json", "admission": "*.yaml"}
"""Directory of config/ and what of it the chart takes along, because Helm reads nothing outside a chart."""

HEAD = f"""\
# Chart ingress-canary

{GENERATED}
Installs the daemon with the least rights, for all namespaces or for a list of them (`settings.namespaces`). How to
install and remove it: [install](../../docs/howto/install.md); to [upgrade](../../docs/howto/upgrade.md) it; what the
[settings](../../docs/reference/settings.md) mean. Helm checks each value against `values.schema.json`; an unknown one
is an error.

Helm installs the CRDs of `crds/` once, and neither upgrades nor removes them.

"""


def files(made: Mapping[str, Callable[[], str]]) -> Mapping[str, Callable[[], str]]:
    """Return the generated files by path; ``made`` are those of config/ that are generated themselves."""
    return {
        f"{CHART}/values.schema.json": lambda: json.dumps(schema(), indent=2) + "\n",
        f"{CHART}/README.md": readme,
        **{f"{CHART}/crds/{path.name}": make for path, make in _copied(made, "crd", "*.yaml")},
        **{
            f"{CHART}/files/{directory}/{path.name}": make
            for directory, pattern in COPIED.items()
            for path, make in _copied(made, directory, pattern)
        },
    }


def _copied(
    made: Mapping[str, Callable[[], str]], directory: str, pattern: str
) -> Iterator[tuple[Path, Callable[[], str]]]:
    folder = ROOT / "config" / directory
    paths = {*folder.glob(pattern), *(ROOT / path for path in made if (ROOT / path).parent == folder)}
    for path in sorted(paths):
        if ".test." not in path.name:
            yield path, made.get(str(path.relative_to(ROOT)), partial(path.read_text, encoding="utf-8"))


def readme() -> str:
    """Return the chart's README."""
    values = yaml.safe_load((ROOT / CHART / "values.yaml").read_text(encoding="utf-8"))
    found = schema()["properties"]
    rows = [
        row
        for name, one in found.items()
        if name not in ("settings", "global")
        for row in _rows(name, one, values[name])
    ]
    settings = [
        (code(f"settings.{name}"), code(_shown(values["settings"].get(name, default(name)))), one["description"])
        for name, one in found["settings"]["properties"].items()
    ]
    derived = [(code(name), why) for name, why in DERIVED.items()]
    return (
        HEAD
        + "## Values\n\n"
        + table(("value", "default", "meaning"), rows)
        + "\n## Settings\n\n"
        + table(("value", "default", "meaning"), settings)
        + "\nSettings that are no values, and what they are in a pod:\n\n"
        + table(("setting", "is"), derived)
    )


def _rows(name: str, one: Mapping[str, Any], value: Any) -> Iterator[tuple[str, str, str]]:
    if not one.get("properties"):
        yield code(name), code(_shown(value)), one["description"]
        return
    yield code(name), "", one["description"]
    for member, inner in one["properties"].items():
        yield from _rows(f"{name}.{member}", inner, value[member])


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
