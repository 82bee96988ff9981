"""Own answers: what ingress-nginx answers itself, once it has found the location and before it draws a side.

No version was asked, and yet the request is counted as stable's: nginx's ``return`` and ``rewrite`` come before
rewrite_by_lua, which draws, and log_by_lua counts whatever the location ended with. What a server block ends, such as
app-root, a server-snippet or a client certificate that does not fit, is counted for no Ingress and concerns nobody.
Source: rootfs/etc/nginx/template/nginx.tmpl and rootfs/etc/nginx/lua/lua_ingress.lua of v1.15. Used by ``router.py``,
``controller_config.py`` and rule 30.
"""

import re

from ingress_canary.domain.objects.ingress import Ingress
from ingress_canary.domain.preflight.inputs import ControllerFacts

UNREAD = ""
"""Stands for a status that cannot be read out of a snippet."""

_COMMENT = re.compile(r"#[^\n]*")
_RETURN = re.compile(r"""(?:^|[\s;{}])return\s+["']?(?:([0-9]{3})(?=["'\s;])|(https?://|\$scheme)|.)""")
_REWRITE = re.compile(r"(?:^|[\s;{}])rewrite\s[^;]*?\s(?:(redirect|permanent)\s*;|(?:https?://|\$scheme)[^;]*;)")
_MOVED, _FOUND = "301", "302"


def statuses_of(snippet: str) -> frozenset[str]:
    """Return the statuses that a snippet of a location answers; ``UNREAD`` for one that it does not spell out."""
    code = _COMMENT.sub("", snippet)
    returned = {match[1] or (_FOUND if match[2] else UNREAD) for match in _RETURN.finditer(code)}
    rewritten = {_MOVED if match[1] == "permanent" else _FOUND for match in _REWRITE.finditer(code)}
    return frozenset(returned | rewritten)


def own_answers(primary: Ingress, prefix: str, facts: ControllerFacts) -> frozenset[str]:
    """Return the statuses of the primary's location that the controllers answer themselves."""
    snippet = primary.meta.annotations.get(f"{prefix}/configuration-snippet", "")
    return (statuses_of(snippet) if snippet else frozenset()) | facts.own_answers
