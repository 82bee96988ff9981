"""``plan`` and ``simulate`` as a person runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

# nearly every test starts the program, and a second of that is Python's imports
pytestmark = pytest.mark.slow

SCHEDULE = """\
apiVersion: ingress-canary.io/v1alpha1
kind: CanarySchedule
metadata: {name: six}
spec:
  steps: [{weight: 5, bake: 5m}, {weight: 20, bake: 5m}]
  slos:
  - {name: availability, objective: 99.9, sli: {requests: {}}}
"""
ROLLOUT = """\
apiVersion: ingress-canary.io/v1alpha1
kind: CanaryRollout
metadata: {name: search, namespace: shop}
spec:
  ingresses: [search]
  stableService: search
  canaryService: search-canary
  schedule:
    inline:
      steps: [{weight: 50, bake: 1m}]
      slos: [{name: availability, objective: 99.9, sli: {requests: {}}}]
      paused: null
"""
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
PLAN = ("--rps", "100", "--error-ratio", "0.1%")
HEALTHY = ("--rps", "100", "--baseline", "0.1%", "--canary", "0.1%", "--runs", "5")
SIMULATE = ("--rps", "100", "--baseline", "0.1%", "--canary", "20%", "--runs", "5")


def run(*args: str, stdin: str = "", env: Mapping[str, str] = NOTHING_MORE) -> subprocess.CompletedProcess[str]:
    program = "from ingress_canary.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *args],
        input=stdin, capture_output=True, text=True, check=False, env={**os.environ, **env},
    )  # fmt: skip


def test_a_plan_is_written_as_text(tmp_path: Path) -> None:
    file = tmp_path / "six.yaml"
    file.write_text(SCHEDULE)
    done = run("plan", str(file), *PLAN)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "CanarySchedule six: 2 steps at 100 requests/s"
    assert lines[1] == "step 1 (5 %): 5 canary requests/s, bake 5m, require Proof; takes 5m25s"
    assert lines[2].startswith("  availability: 0.1% bad, 1% allowed: proven good after 1m16s (p95 2m58s), 380")
    assert "+1pp is caught after 2m" in lines[4]
    assert lines[-1] == "the whole rollout takes 10m50s"


def test_a_plan_says_in_words_what_slos_allow_and_what_looking_and_bursts_cost() -> None:
    text = SCHEDULE + "  - {name: fast, objective: 99, sli: {latency: {threshold: 300ms}}}\n"
    done = run("plan", "-", *PLAN, "--latency-slow-ratio", "0.1%", "--burst", "3", stdin=text)
    lines = done.stdout.splitlines()
    first = lines.index("availability allows 1% of requests answered 5..")
    fast, price, phi, end = lines[first + 1 : first + 5]
    assert end.startswith("the whole rollout takes ")
    assert fast == (
        "fast allows 1% of requests slower than 300ms, and is judged from 2m30s after each rise of the weight on"
    )
    assert price == (
        "price of looking at any time: 380 requests without errors prove availability, where one look at a sample of "
        "fixed size would take 299"
    )
    assert phi.startswith("evidence is discounted by phi = 5, because bad requests come in bursts")
    assert "alpha and beta are aims and no bounds" in phi
    assert "100% is caught while the step settles, after 1" in done.stdout
    got = json.loads(run("plan", "-", *PLAN, "--burst", "3", "-o", "json", stdin=text).stdout)
    assert (got["phi"], got["traffic"]["burst"]) == (5, 3)
    assert got["allowances"] == {
        "availability": "1% of requests answered 5..",
        "fast": "1% of requests slower than 300ms",
    }
    assert got["cleanProofRequests"]["fast"] == {"anyTime": 380, "oneLook": 299}
    assert [slo["settleSeconds"] for slo in got["steps"][0]["slos"]] == [15, 150]
    assert got["steps"][0]["slos"][1]["regressions"][-1]["whileSettling"]


def test_a_plan_says_where_stable_is_worse_than_is_allowed() -> None:
    done = run("plan", "-", "--rps", "100", "--error-ratio", "2%", stdin=SCHEDULE)
    assert "availability: stable is worse than is allowed" in done.stdout


def test_a_plan_is_json_for_machines() -> None:
    done = run("plan", "-", *PLAN, "-o", "json", stdin=SCHEDULE)
    assert done.returncode == 0
    got = json.loads(done.stdout)
    assert (got["finishes"], got["durationSeconds"], got["advice"]) == (True, {"p50": 650.0, "p95": 650.0}, [])
    slo = got["steps"][0]["slos"][0]
    assert slo["proofRequests"] == {"p50": 380, "p95": 890}
    assert [one["regression"] for one in slo["regressions"]] == ["+0.5pp", "+1pp", "+5pp", "100%"]
    assert slo["regressions"][3]["caughtSeconds"] == {"p50": 10.0, "p95": 10.0}


def test_a_simulation_is_json_for_machines() -> None:
    done = run("simulate", "-", *SIMULATE, "--seed", "7", "-o", "json", stdin=SCHEDULE)
    assert (done.returncode, done.stderr) == (0, ""), "there is no progress bar off a terminal"
    got = json.loads(done.stdout)
    assert (got["runs"], got["promoted"], got["rolledBack"], got["held"]) == (5, 0, 5, 0)
    for spread in ("rollbackSeconds", "exposedRequests", "durationSeconds"):
        assert 0 < got[spread]["p50"] <= got[spread]["p95"]
    assert run("simulate", "-", *SIMULATE, "--seed", "7", "-o", "json", stdin=SCHEDULE).stdout == done.stdout


def test_a_simulation_is_written_as_text() -> None:
    more = ("--onset", "1m", "--incident", "30s:5%", "--burst", "4", "--warm-up", "2m", "--interval", "5s")
    done = run("simulate", "-", *SIMULATE, *more, stdin=SCHEDULE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rolled back          5  100.00%" in done.stdout
    assert "time to rollback, from the onset and without settling: " in done.stdout
    assert "because stable's bad requests came in bursts: phi " in done.stdout


def test_without_numpy_a_simulation_decides_each_tick_and_says_what_would_make_it_faster(tmp_path: Path) -> None:
    # the processes that it starts must not find it either
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['numpy'] = None\n")
    many = ("simulate", "-", *SIMULATE[:-1], "200", "-o", "json")
    without = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = run(*many, stdin=SCHEDULE, env=without)
    assert done.returncode == 0
    assert done.stderr.startswith("note: each tick was decided one by one; pip install 'ingress-canary[simulate]'")
    slow, fast = json.loads(done.stdout), json.loads(run(*many, stdin=SCHEDULE).stdout)
    assert slow["rolledBack"] == fast["rolledBack"] == 200
    assert slow["rollbackSeconds"]["p50"] == pytest.approx(fast["rollbackSeconds"]["p50"], abs=10)
    few = run("simulate", "-", *SIMULATE, "-o", "json", stdin=SCHEDULE, env=without)
    assert (few.returncode, few.stderr) == (0, "")


def test_profiles_of_traffic_are_reported_with_their_sizes() -> None:
    args = ("--traffic", "broken-pod:pods=4", "--traffic", "retry-storm", "--seed", "7")
    done = run("simulate", "-", *HEALTHY, *args, "-o", "json", stdin=SCHEDULE)
    assert (done.returncode, done.stderr) == (0, "")
    got = json.loads(done.stdout)
    assert got["rolledBack"] == 5
    assert [one["profile"] for one in got["traffic"]] == ["broken-pod", "retry-storm"]
    assert got["traffic"][0]["sizes"] == {"share": "100%", "of": "errors", "pods": "4"}
    text = run("simulate", "-", *HEALTHY, *args, stdin=SCHEDULE).stdout
    assert "traffic: broken-pod:share=100%,of=errors,pods=4\n" in text
    assert json.loads(run("simulate", "-", *HEALTHY, "-o", "json", stdin=SCHEDULE).stdout)["traffic"] == []


def test_the_profiles_of_traffic_are_listed_without_a_schedule() -> None:
    done = run("simulate", "--traffic", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "cold-start              A canary that gets more requests answers slowly at first.\n" in done.stdout


def test_a_profile_that_changes_nothing_is_refused_with_the_remedy() -> None:
    done = run("simulate", "-", *HEALTHY, "--traffic", "cold-start", stdin=SCHEDULE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "CanarySchedule six: --traffic cold-start changes nothing: it makes requests slow, which no SLO judges; "
        "give the schedule a latency SLO\n"
    )


def test_an_inline_schedule_is_taken_from_its_rollout() -> None:
    inline = ROLLOUT.replace("      paused: null\n", "")
    done = run("plan", "-", *PLAN, stdin=inline)
    assert done.returncode == 0
    assert done.stdout.startswith("CanaryRollout shop/search: 1 step at 100 requests/s")


def test_what_lint_finds_is_reported_as_lint_reports_it() -> None:
    done = run("plan", "-", *PLAN, stdin=ROLLOUT)
    assert done.returncode == 1
    assert done.stderr == run("lint", "-", stdin=ROLLOUT).stdout
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n", "no schedule in it; give a CanarySchedule"),
        (f"{SCHEDULE}---\n{SCHEDULE.replace('six', 'seven')}", "more than one schedule in it (CanarySchedule six,"),
    ],
)
def test_a_file_without_just_one_schedule_is_refused_with_the_remedy(text: str, words: str) -> None:
    done = run("simulate", "-", *SIMULATE, stdin=text)
    assert done.returncode == 1
    assert words in done.stderr


def test_a_file_that_is_not_there_is_an_error_and_no_traceback() -> None:
    done = run("plan", "/nowhere.yaml", *PLAN)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr == "/nowhere.yaml: cannot be read: No such file or directory\n"


def test_what_is_assumed_is_reported_where_json_does_not_read_it() -> None:
    text = SCHEDULE + "  - {name: latency, objective: 99, maxBurn: 2, sli: {latency: {threshold: 500ms}}}\n"
    text = text.replace(
        "[{weight: 5,", "[{weight: 0, header: {name: X-Canary}, bake: 5m, require: NoFail}, {weight: 5,"
    )
    done = run("plan", "-", *PLAN, stdin=text)
    assert done.stderr.splitlines() == [
        "note: latency: no request is taken for slow; say --latency-slow-ratio",
        "note: steps of weight 0 are taken to get 1 requests/s by header or cookie (--forced-rps)",
    ]
    quiet = run("plan", "-", *PLAN, "--latency-slow-ratio", "0.002", "-o", "json", stdin=text)
    assert quiet.stderr == ""
    assert len(json.loads(quiet.stdout)["assumptions"]) == 1


OWN = """\
  - {name: own, objective: 99, sli: {prometheus: {bad: b, total: t}}}
  - {name: quick, objective: 99, sli: {latency: {threshold: 500ms}}}
  - {name: slow, objective: 99, sli: {latency: {threshold: 2500ms}}}
"""


def test_what_stands_for_several_slos_is_reported() -> None:
    done = run("plan", "-", *PLAN, "--latency-slow-ratio", "0.1%", stdin=SCHEDULE + OWN)
    assert done.stderr.splitlines() == [
        "note: own: one event a request, and bad ones in the share that is said of errors",
        "note: own: judged without stable, whose events the queries do not tell apart",
        "note: quick, slow: one share of slow requests for all thresholds (of --prometheus that of 500ms)",
    ]


def test_thresholds_alone_are_planned_and_not_simulated() -> None:
    slos = SCHEDULE.partition("  slos:")[0] + "  slos: [{name: a, sli: {prometheusThreshold: {query: q, max: 1}}}]\n"
    assert run("plan", "-", *PLAN, stdin=slos).returncode == 0
    done = run("simulate", "-", *SIMULATE, stdin=slos)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no SLO of it counts events" in done.stderr


@pytest.mark.parametrize("command", [("plan", "-", *PLAN), ("simulate", "-", *SIMULATE)], ids=["plan", "simulate"])
def test_a_distribution_is_left_out_with_a_note(command: tuple[str, ...]) -> None:
    done = run(*command, stdin=SCHEDULE + "  - {name: shape, sli: {latencyDistribution: {}}}\n")
    assert done.returncode == 0
    assert "note: shape: left out, nothing is forecast of a whole distribution of latency" in done.stderr.splitlines()


@pytest.mark.parametrize(
    "args",
    [
        ("plan", "-", "--rps", "100"),
        ("plan", "-", "--rps", "100", "--error-ratio", "5"),
        ("plan", "-", "--rps", "100", "--error-ratio", "-1%"),
        ("plan", "-", "--rps", "100", "--error-ratio", "many"),
        ("plan", "-", "--rps", "0", "--error-ratio", "0.1%"),
        ("plan", "-", "--rps", "nan", "--error-ratio", "0.1%"),
        ("plan", "-", *PLAN, "--interval", "1s"),
        ("plan", "-", *PLAN, "--prometheus", "http://prometheus.example"),
        ("simulate", "-", *SIMULATE, "--incident", "3m"),
        ("simulate", "-", *SIMULATE, "--incident", "3:5%"),
        ("simulate", "-", *SIMULATE, "--latency-slow-ratio", "1%"),
        ("simulate", "-", *SIMULATE, "--runs", "0"),
        ("simulate", "-", *SIMULATE, "--burst", "0"),
        ("simulate", "-", *SIMULATE, "--traffic", "storm"),
        ("simulate", "-", *SIMULATE, "--traffic", "cold-start:share=2"),
    ],
)
def test_wrong_usage_exits_64(args: tuple[str, ...]) -> None:
    done = run(*args, stdin=SCHEDULE)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith("error: ")


def test_a_number_that_is_none_is_answered_with_the_bounds() -> None:
    done = run("plan", "-", "--rps", "nan", "--error-ratio", "0.1%", stdin=SCHEDULE)
    assert "a number from 0.001 to 1,000,000 is wanted; got 'nan'" in done.stderr
