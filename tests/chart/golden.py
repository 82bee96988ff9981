"""The golden renders: what the documented sets of values come to. ``make generate`` writes them anew."""

from pathlib import Path

from tests.chart.charts import SETS, texts

GOLDEN = Path(__file__).with_name("golden")


def render(name: str) -> str:
    """Return everything that a set of values renders to, the notes too."""
    return "".join(
        f"## {path}\n{text.strip()}\n---\n" for path, text in sorted(texts(SETS[name]).items()) if text.strip()
    )


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in SETS:
        (GOLDEN / f"{name}.yaml").write_text(render(name))
