"""Clock of the API server: it keeps real time, as a real one would, also when a demo's clock runs fast."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the instant, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - a server outside the daemon, whose time is nobody's port


def stamp() -> str:
    """Return the instant as Kubernetes writes it in metadata: whole seconds."""
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")


def age(since: object) -> str:
    """Return how long ago a stamp was, as kubectl shows it: 42s, 10m, 5h, 3d."""
    if not isinstance(since, str):
        return "<unknown>"
    try:
        seconds = int((now() - datetime.fromisoformat(since)).total_seconds())
    except (ValueError, TypeError):
        return "<invalid>"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
