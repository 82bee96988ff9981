"""Base model of the API: camelCase in manifests, strictness chosen by the reader.

``lint`` validates with ``extra="forbid"``; the daemon reads with ``extra="ignore"``, so that an object with a
field newer than itself is still served (and is never written back whole, so the field survives).
"""

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def rule(expression: str, message: str) -> dict[str, str]:
    """Return one CEL rule of a structural schema; the same condition is checked by the model's validator."""
    return {"rule": expression, "message": message}


def closed(*rules: dict[str, str]) -> dict[str, Any]:
    """Return a model's additions to its JSON schema: the CEL rules that the API server evaluates."""
    return {"x-kubernetes-validations": list(rules)}


class FieldFault(NamedTuple):
    """Why a field cannot be used as it is, with the remedy; ``str`` of it is the sentence that people read."""

    what: str
    remedy: str = ""
    field: str = ""
    """Dotted, such as ``spec.steps[2].bake``; empty when the whole object is meant."""

    def __str__(self) -> str:
        sentence = f"{self.what}; {self.remedy}" if self.remedy else self.what
        return f"{self.field}: {sentence}" if self.field else sentence


class InvalidValue(ValueError):
    """Raised by a validator that knows the remedy, or the member of an object that is at fault."""

    def __init__(self, what: str, remedy: str = "", field: str = "", *, about: str = "") -> None:
        """``about`` is the member that ``what`` names itself, so that the sentence does not name it again."""
        self.fault = FieldFault(what, remedy, field)
        self.about = about or field
        super().__init__(str(self.fault))


class NotExactlyOne(InvalidValue):
    """Raised when none, or several, of members that exclude each other are given."""

    def __init__(self, *names: str) -> None:
        self.names = names
        super().__init__(f"say exactly one of {', '.join(names[:-1])} and {names[-1]}")


class Model(BaseModel):
    """An immutable part of the API; ``field_docs.py`` reads what its fields mean."""

    model_config = ConfigDict(
        # most commands validate few of the models
        alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False, defer_build=True
    )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """Return the JSON form, without fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
