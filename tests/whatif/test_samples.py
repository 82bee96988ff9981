"""The sample schedules suit the traffic that they say they are meant for."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "config/samples"
WITH_SCHEDULE = sorted(
    path.name for path in SAMPLES.glob("*.yaml") if re.search(r"^ +steps:", path.read_text(), re.MULTILINE)
)
COMMAND = re.compile(r"^# +ingress-canary plan (?P<file>\S+) (?P<options>.*)$", re.MULTILINE)


def stated(sample: str) -> list[str]:
    """Return the options of the one ``plan`` command that a sample's comment holds."""
    commands = list(COMMAND.finditer((SAMPLES / sample).read_text()))
    assert [command["file"] for command in commands] == [sample]
    return commands[0]["options"].split()


def run(*args: str) -> dict:
    program = "from ingress_canary.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *args, "-o", "json"], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_there_are_samples_for_little_and_for_much_traffic() -> None:
    rates = {sample: float(stated(sample)[1]) for sample in WITH_SCHEDULE}
    assert min(rates.values()) <= 1
    assert max(rates.values()) >= 1000


@pytest.mark.parametrize("sample", WITH_SCHEDULE)
def test_a_sample_finishes_in_its_traffic_without_advice(sample: str) -> None:
    planned = run("plan", str(SAMPLES / sample), *stated(sample))
    assert planned["finishes"]
    assert planned["advice"] == []
    # every step passes within its bake or just after, the unlucky ones next to it
    bakes = sum(step["bakeSeconds"] for step in planned["steps"])
    assert planned["durationSeconds"]["p50"] <= 1.05 * bakes + 25 * len(planned["steps"])
    assert planned["durationSeconds"]["p95"] <= 1.2 * planned["durationSeconds"]["p50"]


@pytest.mark.parametrize(("rps", "hours"), [("1", 3.1), ("0.2", 7.5)])
def test_the_sample_for_little_traffic_proves_a_canary_good_in_a_day(rps: str, hours: float) -> None:
    planned = run("plan", str(SAMPLES / "canaryschedule-low-traffic.yaml"), "--rps", rps, "--error-ratio", "0.01%")
    assert planned["finishes"]
    assert {slo["allowedRatio"] for step in planned["steps"] for slo in step["slos"]} == {0.01}
    assert planned["durationSeconds"]["p50"] <= 3600 * hours


@pytest.mark.slow
@pytest.mark.parametrize("sample", WITH_SCHEDULE)
def test_a_sample_promotes_the_healthy_in_its_traffic(sample: str) -> None:
    options = dict(zip(stated(sample)[::2], stated(sample)[1::2], strict=True))
    healthy = ["--rps", options["--rps"], "--baseline", options["--error-ratio"], "--canary", options["--error-ratio"]]
    if slow := options.get("--latency-slow-ratio"):
        healthy += ["--latency-slow-ratio", f"{slow}:{slow}"]
    assert run("simulate", str(SAMPLES / sample), *healthy, "--runs", "20")["promoted"] >= 19
