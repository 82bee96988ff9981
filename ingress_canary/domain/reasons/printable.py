"""Printable text: what people and programs elsewhere wrote, before it stands in a status, an Event or a terminal."""


def printable(text: str) -> str:
    r"""Return a text that a terminal shows and never obeys.

    Line breaks and other spaces become spaces. Control characters, marks that change the direction of writing, and all
    else that cannot be seen are written as escapes, such as ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else _shown(char) for char in text])


def _shown(char: str) -> str:
    return " " if char.isspace() else char.encode("unicode_escape").decode("ascii")
