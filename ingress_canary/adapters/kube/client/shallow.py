"""JSON that is nested too deep for the parser, without its depths. Used by ``errors.py`` where the parser gives up.

An API server takes 10,000 levels where a schema says nothing of them, as in managedFields, and the parser 200. One such
object must not end the watch, or the list, of all others.
"""

import re

LEVELS = 150
"""How deep objects are read; those that people write have 20 levels."""

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


def shallow(body: bytes) -> bytes:
    """Return JSON with null for whatever is nested deeper than ``LEVELS``; what is no JSON stays none."""
    parts, kept, depth = list[bytes](), 0, 0
    for token in _TOKENS.finditer(body):
        match body[token.start() : token.start() + 1]:
            case b"[" | b"{":
                depth += 1
                if depth == LEVELS + 1:
                    parts.append(body[kept : token.start()])
            case b"]" | b"}":
                if depth == LEVELS + 1:
                    parts.append(b"null")
                    kept = token.end()
                depth -= 1
            case _:
                pass
    # brackets that are never closed leave what is no JSON
    return b"".join(parts) + body[kept:]
