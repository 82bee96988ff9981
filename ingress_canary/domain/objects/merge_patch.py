"""JSON merge patch (RFC 7396): what an object is after one. Said of a shadow before the patch is sent."""

from collections.abc import Mapping
from typing import Any


def merged(value: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value after a patch; null takes a member away."""
    result = dict(value) if isinstance(value, Mapping) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change) if isinstance(change, Mapping) else change
    return result
