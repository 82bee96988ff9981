"""Base model of the API: camelCase in manifests, strictness chosen by the reader.

``lint`` validates with ``extra="forbid"``; the daemon reads with ``extra="ignore"``, so that an object with a
field newer than itself is still served (and is never written back whole, so the field survives).
"""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def rule(expression: str, message: str) -> dict[str, str]:
    """Return one CEL rule of a structural schema; the same condition is checked by the model's validator."""
    return {"rule": expression, "message": message}


def closed(*rules: dict[str, str]) -> dict[str, Any]:
    """Return a model's additions to its JSON schema: the CEL rules that the API server evaluates."""
    return {"x-kubernetes-validations": list(rules)}


class Model(BaseModel):
    """An immutable part of the API."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def dump(self) -> dict[str, Any]:
        """Return the JSON form, without fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
