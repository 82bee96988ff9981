"""Output format of commands: text for people, or one JSON document for programs."""

from enum import StrEnum


class Output(StrEnum):
    """The value of -o."""

    TEXT = "text"
    JSON = "json"
