"""Documents of manifests, with the line and column of each value. Used by ``check.py``.

Scalars are resolved as kubectl resolves them (go-yaml), not as PyYAML does: ``16:00`` and ``2026-12-18`` are strings,
``y`` and ``on`` are booleans, ``1e3`` is a number. JSON is read as the YAML that it is.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ingress_canary.lint.findings import LintFinding, LintProblem, LintSeverity, Path, dotted

MAX_VALUES = 200_000
"""More than a manifest holds; fewer than aliases of aliases can ask for."""

_MERGE = "tag:yaml.org,2002:merge"


class Place(NamedTuple):
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One object of one file."""

    file: str
    data: Any
    """Plain JSON."""
    places: Mapping[Path, Place]
    root: Path = ()
    """Where the object begins: ``("items", 3)`` in a List."""

    @property
    def name(self) -> str:
        """Kind, namespace and name, as far as they are given."""
        if not isinstance(self.data, dict):
            return ""
        meta = self.data.get("metadata")
        names = [meta.get("namespace"), meta.get("name")] if isinstance(meta, dict) else []
        return " ".join(filter(None, [str(self.data.get("kind") or ""), "/".join(str(name) for name in names if name)]))

    def items(self) -> Iterator["Document"]:
        """Yield the objects of a List, or the document itself."""
        items = self.data.get("items") if isinstance(self.data, dict) and self.data.get("kind") == "List" else None
        if not isinstance(items, list):
            yield self
            return
        for number, item in enumerate(items):
            yield Document(self.file, item, self.places, ("items", number))

    def finding(self, problem: LintProblem, severity: LintSeverity = LintSeverity.ERROR) -> LintFinding:
        """Return ``problem`` with the place of its path, or of the nearest path that contains it."""
        path = self.root + problem.path
        while path not in self.places:
            path = path[:-1]
        place = self.places[path]
        return LintFinding(
            self.file, *place, self.name, dotted(problem.path), problem.message, problem.remedy, severity=severity
        )


def read_documents(file: str, text: str) -> Iterator[Document | LintFinding]:
    """Yield each non-empty document of ``text`` with its syntax problems; stops where YAML cannot be parsed."""
    if text.lstrip().startswith(("{", "[")):
        text = text.replace("\t", " ")  # JSON may be indented by tabs, and holds none in its strings
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield from _read_document(file, node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        yield LintFinding(file, line, column, "", "", f"not YAML: {error.problem}", _SYNTAX_REMEDY)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        yield LintFinding(file, line, 1, "", "", f"not YAML: {error.reason}", "save the file as plain UTF-8 text")
    except RecursionError:
        yield LintFinding(file, 1, 1, "", "", "nested too deeply to be a manifest", "flatten it")


_SYNTAX_REMEDY = "correct the syntax at or just before this place; nothing after it was checked"


def _read_document(file: str, node: Node) -> Iterator[Document | LintFinding]:
    builder = _Builder()
    data = builder.build(node, (), node)
    if data is None and not builder.problems:
        return
    document = Document(file, data, builder.places)
    yield document
    for path, place, message, remedy in builder.problems:
        yield LintFinding(file, *place, document.name, dotted(path), message, remedy)


class _Loader(yaml.SafeLoader):
    """PyYAML's loader with go-yaml's resolution of plain scalars."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the base class's name and shape


for _tag, _pattern, _first in (
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^([yY]|[yY]es|YES|[tT]rue|TRUE|[oO]n|ON|[nN]|[nN]o|NO|[fF]alse|FALSE|[oO]ff|OFF)$", list("yYnNtTfFoO")),
    ("int", r"^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|(0|[1-9])[0-9_]*)$", list("-+0123456789")),
    ("float", r"^([-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$",
     list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
):  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


class _Builder:
    """Turns one document's nodes into plain JSON, and records the place of each value."""

    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self.problems: list[tuple[Path, Place, str, str]] = []
        self._open: set[int] = set()

    def build(self, node: Node, path: Path, named_by: Node) -> Any:
        """Return the value of ``node``, whose place is that of ``named_by`` (its key, or itself)."""
        self.places[path] = place = _place(named_by)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open or len(self.places) > MAX_VALUES:
            endless = (path, place, "aliases without end, or far too many values", "write the values out")
            self.problems = [endless]
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.build(item, (*path, number), item) for number, item in enumerate(node.value)]
            return {name: self.build(value, (*path, name), key) for name, key, value in self._members(node, path)}
        finally:
            self._open.remove(id(node))

    def _members(self, node: Node, path: Path) -> Sequence[tuple[str, Node, Node]]:
        """Return a mapping's fields by name; its own win over merged ones, and a duplicate is a problem."""
        own: dict[str, tuple[str, Node, Node]] = {}
        merged: dict[str, tuple[str, Node, Node]] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for source in value.value if isinstance(value, SequenceNode) else [value]:
                    if isinstance(source, MappingNode) and source is not node:
                        merged |= {member[0]: member for member in self._members(source, path)}
            elif not isinstance(key, ScalarNode):
                self.problems.append((path, _place(key), "a member's name is not a string", "write a plain name"))
            elif key.value in own:
                first = _place(own[key.value][1]).line
                text = f"`{key.value}` is said twice, first on line {first}"
                self.problems.append(((*path, key.value), _place(key), text, "remove one of the two"))
            else:
                own[key.value] = (key.value, key, value)
        return list((merged | own).values())

    def _scalar(self, node: ScalarNode, path: Path) -> object:
        """Return a scalar as JSON has it: whole numbers are integers, as kubectl sends them."""
        text = node.value
        try:
            match node.tag.rpartition(":")[2]:
                case "null":
                    return None
                case "bool":
                    return text.lower() in ("y", "yes", "true", "on")
                case "int":
                    return _integer(text.replace("_", ""))
                case "float":
                    return self._number(text, path, node)
                case "str":
                    return text
                case _:
                    pass
        except ValueError:
            pass
        self.problems.append((path, _place(node), f"`{text}` is no {node.tag}", "write a plain value"))
        return None

    def _number(self, text: str, path: Path, node: Node) -> object:
        number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
        if not math.isfinite(number):
            self.problems.append((path, _place(node), f"`{text}` is no number in JSON", "write a finite number"))
            return None
        return int(number) if number.is_integer() else number


def _integer(digits: str) -> int:
    """Return an integer as go-yaml reads it: a leading zero means octal where possible."""
    if re.fullmatch(r"[-+]?0[0-7]+", digits):
        return int(digits, 8)
    return int(digits, 0 if re.match(r"[-+]?0[box]", digits) else 10)


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
