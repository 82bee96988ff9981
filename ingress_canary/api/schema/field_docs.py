"""Docstrings of the fields of models, read from the source when a CRD is made of them.

pydantic would read them whenever a model is imported (``use_attribute_docstrings``), a third of what that costs.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from ingress_canary.api.model import Model


def field_docs(model: type[Model]) -> dict[str, str]:
    """Return the docstring of each field that has one, inherited fields included; empty where there is no source."""
    docs: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Model):
            docs |= _docs_of_module(base.__module__).get(base.__name__, {})
    return {name: text for name, text in docs.items() if name in model.model_fields}


@cache
def _docs_of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except OSError:
        return {}
    return {node.name: dict(_docs(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for member, after in pairwise(node.body):
        match member, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case _:
                continue
