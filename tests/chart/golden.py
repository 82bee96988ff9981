"""The golden renders: what the documented sets of values come to. ``make generate`` writes them anew."""

from pathlib import Path

from tests.chart.charts import SETS, texts

GOLDEN = Path(__file__).with_name("golden")


COPIES = ("dashboard.yaml", "prometheusrule.yaml", "approvalpolicy.yaml")
"""Templates that take files of config/ along, which a test compares with those."""


def render(name: str) -> str:
    """Return what a set of values renders to, the notes too."""
    found = sorted(texts(SETS[name]).items())
    return "".join(
        f"## {path}\n{text.strip()}\n---\n" for path, text in found if text.strip() and not path.endswith(COPIES)
    )


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in SETS:
        (GOLDEN / f"{name}.yaml").write_text(render(name))
