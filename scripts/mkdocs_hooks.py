"""Hooks of mkdocs: the decisions' place in the navigation, and links that lead out of ``docs/``.

In the repository a page may link to any file of it. On the site, a file outside ``docs/`` is copied to
``repository/`` and the link leads there, so that one text serves both.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<=\]\()(\.\./[^)\s#]+)(?=[)#])")
TITLE = re.compile(r"^# (?:(\d+)\. )?(.+)$", re.MULTILINE)


def on_config(config: Any) -> Any:
    """List the decisions by number: a new one needs no line in mkdocs.yml."""
    pages = sorted((DOCS / "adr").glob("*.md"))
    decisions = [{_title(page): page.relative_to(DOCS).as_posix()} for page in pages]
    for entry in config["nav"]:
        if "Decisions" in entry:
            entry["Decisions"] = decisions
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside of ``docs/``."""
    for page in DOCS.rglob("*.md"):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            for one in sorted(target.glob("*")) if target.is_dir() else [target]:
                uri = _uri(one)
                if DOCS not in one.parents and one.is_file() and files.get_file_from_path(uri) is None:
                    added = File.generated(config, uri, abs_src_path=str(one), inclusion=InclusionLevel.NOT_IN_NAV)
                    files.append(added)
            if target.is_dir() and DOCS not in target.parents:
                uri = f"{_uri(target)}/index.md"
                names = "".join(f"- [{one.name}]({one.name})\n" for one in sorted(target.glob("*")))
                text = f"# {target.relative_to(ROOT).as_posix()}\n\n{names}"
                if files.get_file_from_path(uri) is None:
                    files.append(File.generated(config, uri, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of ``docs/`` to the copies."""
    copied = page.file.src_uri.removeprefix("repository/")
    here = (DOCS if copied == page.file.src_uri else ROOT) / copied
    up = "../" * page.file.src_uri.count("/")

    def inside(found: re.Match[str]) -> str:
        target = (here.parent / found[1]).resolve()
        if DOCS in target.parents and DOCS not in here.parents:
            return up + target.relative_to(DOCS).as_posix()
        if DOCS in target.parents or ROOT not in target.parents or not target.exists():
            return found[1]
        return up + _uri(target) + ("/index.md" if target.is_dir() else "")

    return LINK.sub(inside, markdown)


def _uri(target: Path) -> str:
    return f"repository/{target.relative_to(ROOT).as_posix()}"


def _title(page: Path) -> str:
    found = TITLE.search(page.read_text(encoding="utf-8"))
    assert found is not None, page
    return f"{page.name[:4].lstrip('0')}. {found[2]}"
