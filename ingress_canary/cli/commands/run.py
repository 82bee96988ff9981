"""Command ``run``: the daemon."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ingress_canary.lint.findings import did_you_mean
from ingress_canary.settings import Settings, SettingsError, load

FLAGS = {f"--{name.replace('_', '-')}": name for name in Settings.model_fields}
SETTINGS_HELP = "\n\n".join(
    ["Settings:", *(f"{flag}  {Settings.model_fields[name].description}" for flag, name in FLAGS.items())]
)
"""What the help adds: settings are no options of the command, because they come from three places."""
OPTIONS = {"context_settings": {"allow_extra_args": True, "ignore_unknown_options": True}, "epilog": SETTINGS_HELP}


def run(
    context: typer.Context,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="YAML file with settings.")] = None,
    print_settings: Annotated[
        bool, typer.Option("--print-settings", help="Print the settings as resolved, and exit.")
    ] = False,
) -> None:
    """Run the daemon. Every setting is a flag (--interval 10s), INGRESS_CANARY_INTERVAL, or a line in --settings."""
    try:
        settings = load(flags(context.args), settings_file)
    except SettingsError as error:
        # which settings are wrong is not known before: the format is what was asked for, be the rest as it may
        _say(error, asked_format(context.args))
        raise typer.Exit(64) from None
    if print_settings:
        print(json.dumps(settings.model_dump(mode="json"), indent=2))
        return
    from ingress_canary.app import Daemon, StartError  # noqa: PLC0415 - the other commands need none of it
    from ingress_canary.logs import configure  # noqa: PLC0415

    configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(Daemon(settings).run())
    except StartError as error:
        _say(error, settings.log_format)
        raise typer.Exit(1) from None


def asked_format(words: list[str]) -> str:
    """Return the log format that a command line or the environment asks for, valid or not; empty where none does."""
    given = os.environ.get("INGRESS_CANARY_LOG_FORMAT", "")
    for word, following in zip(words, (*words[1:], ""), strict=False):
        flag, equals, value = word.partition("=")
        if flag == "--log-format":
            given = value if equals else following
    return given


def _say(error: Exception, log_format: str) -> None:
    """Say why the daemon does not start, as a line of the log where the log is for machines."""
    if log_format != "json":
        print(f"error: {error}", file=sys.stderr)
        return
    import structlog  # noqa: PLC0415

    from ingress_canary.logs import configure  # noqa: PLC0415

    configure(style="json")
    structlog.get_logger().error("not started", error=str(error))


def flags(words: list[str]) -> dict[str, Any]:
    """Return the settings that flags name. Raises SettingsError for unknown flags."""
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        name = FLAGS.get(flag) or FLAGS.get(flag.replace("--no-", "--", 1))
        if name is None:
            raise SettingsError(f"{flag}: no such setting; {did_you_mean(flag, FLAGS)}")
        if Settings.model_fields[name].annotation is bool and not equals:
            found[name] = flag in FLAGS
            continue
        if flag not in FLAGS:
            raise SettingsError(f"{word}: say --{name.replace('_', '-')} with a value")
        if not equals:
            if not rest:
                raise SettingsError(f"{flag}: a value is missing")
            value = rest.pop(0)
        found[name] = value
    return found
