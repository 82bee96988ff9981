"""Templates with variables such as ``{{side}}``: queries and messages that users write share the form.

A value is filled in once and never read again, so that nothing in it counts as a variable.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from ingress_canary.api.model import FieldFault

_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")


def names(template: str) -> list[str]:
    """Return the variables of a template, in their order."""
    return [name.strip() for name in _VARIABLE.findall(template)]


def render(template: str, values: Mapping[str, str], escaped: Callable[[str], str] = str) -> str:
    """Return the template with its variables replaced by their values; a variable without a value becomes empty."""
    return _VARIABLE.sub(lambda match: escaped(values.get(match[1].strip(), "")), template)


def render_beginning(template: str, values: Mapping[str, str], most: int) -> str:
    """Return what :func:`render` does, whose end may be missing beyond ``most`` characters: it may be a thousand times
    as long as its template."""
    parts, length, at = list[str](), 0, 0
    for match in _VARIABLE.finditer(template):
        parts += template[at : match.start()], values.get(match[1].strip(), "")
        length, at = length + len(parts[-2]) + len(parts[-1]), match.end()
        if length > most:
            return "".join(parts)
    return "".join(parts) + template[at:]


def unclosed(template: str, marks: tuple[str, ...] = ("{{",)) -> Iterator[FieldFault]:
    """Yield a fault where braces are not closed or not opened.

    ``}}`` alone is such a half in a query, and may well be the end of a message in JSON.
    """
    rest = _VARIABLE.sub("", template)
    if half := next((mark for mark in marks if mark in rest), None):
        remedy = "write variables with two braces on both sides, as {{name}}"
        yield FieldFault(f"has {half} that belongs to no variable", remedy)


def unknown(template: str, known: Mapping[str, str]) -> Iterator[FieldFault]:
    """Yield a fault for the first unknown variable."""
    wrong = sorted({name for name in names(template) if name not in known})
    if wrong:
        there = ", ".join(f"{{{{{name}}}}}" for name in known)
        yield FieldFault(f"unknown variable {{{{{wrong[0]}}}}}", f"there are {there}")
