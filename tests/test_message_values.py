"""Facts are values: no code takes apart, or searches, a sentence that is made for people.

A syntax tree knows no types, so two signs of it are taken: words of prose are looked for in a string, whatever its name
is; and a string is searched that a message's attribute, ``str()`` of an exception, or a variable set from one gives.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ingress_canary"

METHODS = frozenset(
    {
        "partition", "rpartition", "split", "rsplit", "splitlines", "startswith", "endswith", "removeprefix",
        "removesuffix", "find", "rfind", "index", "rindex", "count", "replace",
    }
)  # fmt: skip
"""Methods of strings that search or split."""
PATTERNS = frozenset({"match", "search", "fullmatch", "split", "sub", "subn", "findall", "finditer"})
"""Functions of ``re`` and methods of a compiled pattern."""
MESSAGES = frozenset({"message", "why", "sentence", "remedy", "summary", "what", "said", "obstacle"})
"""Names of values that are sentences: attributes, parameters and variables."""

FOREIGN = {
    "adapters/notify/apprise_services.py": "apprise logs its errors as text and raises none",
    "cli/main.py": "typer puts pydantic's own prefix into its message",
    "domain/preflight/reference_page.py": "docstrings of rules, made into a page",
}
"""Files that read text which others write, and why there is no value to read instead."""


class Sentences:
    """The expressions of one function that are sentences for people."""

    def __init__(self, scope: ast.AST) -> None:
        self._names = set(MESSAGES)
        nodes = list(ast.walk(scope))
        self._errors = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
        known = 0
        while known != len(self._names):  # a variable set from a variable that is one
            known = len(self._names)
            for node in nodes:
                if isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign) and node.value is not None:
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if self._gives(node.value):
                        self._names.update(name.id for target in targets for name in _targets(target))

    def holds(self, node: ast.expr) -> bool:
        """Return whether an expression is a sentence."""
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name in self._names if isinstance(node, ast.Name) else name in MESSAGES
            case ast.Subscript(value=value) | ast.Starred(value=value):
                return self.holds(value)
            case ast.BoolOp(values=values):
                return any(map(self.holds, values))
            case ast.BinOp(left=left, right=right):
                return self.holds(left) or self.holds(right)
            case ast.IfExp(body=body, orelse=orelse):
                return self.holds(body) or self.holds(orelse)
            case ast.Call(func=ast.Name(id="str"), args=[value]):
                return (isinstance(value, ast.Name) and value.id in self._errors) or self.holds(value)
            case ast.Call(func=ast.Attribute(value=value, attr=method)):
                return method in METHODS | {"strip", "lower", "format"} and self.holds(value)
            case ast.JoinedStr(values=values):
                return any(isinstance(part, ast.FormattedValue) and self.holds(part.value) for part in values)
            case _:
                return False

    def _gives(self, value: ast.expr) -> bool:
        """Return whether an assigned value is a sentence, or one of several that are chosen from."""
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "next":
            chosen = value.args[0]
            return isinstance(chosen, ast.GeneratorExp) and self.holds(chosen.elt)
        return self.holds(value)


def _targets(target: ast.expr) -> Iterator[ast.Name]:
    yield from (node for node in ast.walk(target) if isinstance(node, ast.Name))


def _is_prose(node: ast.expr) -> bool:
    """Return whether a literal holds words, or the marks that part a sentence."""
    if isinstance(node, ast.Tuple):
        return any(map(_is_prose, node.elts))
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip("\n")


def searches(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each search in a sentence."""
    tree = ast.parse(source)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: dict[tuple[int, int], ast.expr] = {}
    for scope in (*scopes, tree):
        sentences = Sentences(scope) if scope is not tree else None
        for node in ast.walk(scope):
            if isinstance(node, ast.expr) and _is_search(node, sentences):
                found[node.lineno, node.col_offset] = node
    yield from ((line, ast.unparse(node)) for (line, _), node in sorted(found.items()))


def _is_search(node: ast.expr, sentences: Sentences | None) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=args):
            if method in METHODS and (any(map(_is_prose, args[:1])) or (sentences and sentences.holds(value))):
                return True
            # the pattern itself is prose, or what is searched is a sentence
            by_re = isinstance(value, ast.Name) and value.id == "re"
            return method in PATTERNS and (
                (by_re and any(map(_is_prose, args[:1]))) or (sentences is not None and any(map(sentences.holds, args)))
            )
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]):
            textual = isinstance(left, ast.Constant | ast.JoinedStr) or (sentences and sentences.holds(left))
            return bool(textual and sentences and sentences.holds(right))
        case _:
            return False


SOURCES = {str(file.relative_to(PACKAGE)): file.read_text(encoding="utf-8") for file in sorted(PACKAGE.rglob("*.py"))}
OURS = [name for name in SOURCES if name not in FOREIGN and Path(name).parts[0] != "lab"]


@pytest.mark.parametrize("name", OURS)
def test_no_sentence_is_searched_or_split(name: str) -> None:
    assert list(searches(SOURCES[name])) == []


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_excepted_is_still_needed(name: str) -> None:
    assert list(searches(SOURCES[name])) != []


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    x, _, y = a.rpartition('; ')",
        "def f(a):\n    return a.removeprefix('Value error, ')",
        "def f(a):\n    return re.match(r'say exactly one of (.*)', a)",
        "def f(problem):\n    a = problem.message\n    b = a\n    return b.startswith('spec')",
        "def f(problem, conditions):\n    a = next((c.message for c in all), '')\n    return problem.message in a",
        "def f(a):\n    try:\n        g()\n    except E as error:\n        return str(error).partition(':')[0]",
        "def f(message):\n    return 'steps[' in message",
        "def f(status):\n    return NUMBER.sub('#', status.message)",
        "def f(seen):\n    a = f'{seen.why}'\n    return a.find('x')",
        "def f(findings):\n    return str(findings.message).split(', ')",
        "def f(decision):\n    return 'to go' in str(decision.message)",
    ],
)
def test_a_renamed_variable_hides_nothing(source: str) -> None:
    assert len(list(searches(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f(path):\n    return path.partition('/')[2]",
        "def f(obstacle):\n    return obstacle.reason in WAITING",
        "def f(message):\n    return message[:10]",
    ],
)
def test_what_is_no_sentence_may_be_split(source: str) -> None:
    assert list(searches(source)) == []
