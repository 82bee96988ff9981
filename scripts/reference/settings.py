"""Every setting of the daemon, from the model that reads them."""

import json
from types import UnionType
from typing import Literal, get_args, get_origin

from ingress_canary.settings import PREFIX, Settings, bounds
from reference.markdown import GENERATED, code, table

HEAD = f"""\
# Settings

{GENERATED}
A setting is a flag (`ingress-canary run --interval 5s`), a variable (`{PREFIX}INTERVAL=5s`) or a line in the
YAML file that `--settings` names (`interval: 5s`), in this order of precedence. `ingress-canary run --print-settings`
shows what they resolve to. Lists are separated by commas, in the file they may be YAML lists; a switch is turned on by
its flag and off by `--no-` before its name. A variable that names no setting is passed over, because Kubernetes makes
some for a Service called `ingress-canary`; an unknown flag or line in the file is an error.

"""


def page() -> str:
    """Return the page."""
    shown = Settings().model_dump(mode="json")
    rows = [
        (
            code(f"--{name.replace('_', '-')}"),
            code(f"{PREFIX}{name.upper()}"),
            code(_default(shown[name])),
            bounds(name) or _choices(field.annotation),
            field.description,
        )
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + table(("flag", "variable", "default", "takes", "meaning"), rows)


def _default(value: object) -> str:
    if value is None or value == []:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _choices(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(code(word) for word in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "a list"
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    names = {"str": "text", "bool": "a switch", "Path": "a path", "datetime": "an instant"}
    return names[kinds[0].__name__]
