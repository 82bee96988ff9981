"""Durations, percentage points and weights as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ingress_canary.api.rollout import Probe
from ingress_canary.api.schedule import AnalysisSettings, Approval
from ingress_canary.api.sli import ThresholdSli
from ingress_canary.api.units import AS_BEGUN, Weight, format_duration, format_points, parse_duration, parse_points
from ingress_canary.api.windows import Freeze

WEIGHT = TypeAdapter(Weight)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("500ms", timedelta(milliseconds=500)),
        ("1m500ms", timedelta(minutes=1, milliseconds=500)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_read_as_written(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "value", [10, 1.5, True, None, "", "10", "m", "-5m", "5m1h", "1d", "10m\n", " 10m", "\u0661m", "9" * 40 + "h"]
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="such as 90s, 10m or 1h30m"):
        parse_duration(value)


def test_a_duration_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_duration("99999999999999999999h")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=365)))
def test_a_duration_survives_writing_and_reading_to_the_millisecond(span: timedelta) -> None:
    rounded = timedelta(milliseconds=round(span.total_seconds() * 1000))
    assert parse_duration(format_duration(span)) == rounded


@given(st.integers(0, 100_000).map(lambda thousandths: thousandths / 100_000))
def test_percentage_points_survive_writing_and_reading(ratio: float) -> None:
    assert parse_points(format_points(ratio)) == pytest.approx(ratio, abs=1e-12)


@pytest.mark.parametrize("value", ["0.1", "0.1%", "-1pp", "101pp", "0.1pp\n", 5, 1.5, None])
def test_what_is_no_difference_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match=r"such as 0\.1pp"):
        parse_points(value)


@given(st.integers(0, 100_000).map(lambda thousandths: thousandths / 1000))
def test_every_weight_of_three_decimals_is_taken(weight: float) -> None:
    assert WEIGHT.validate_python(weight) == weight


@pytest.mark.parametrize("value", [101, -1, 0.1234, "5", True, float("nan"), float("inf")])
def test_other_weights_are_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="weight"):
        WEIGHT.validate_python(value)


@pytest.mark.parametrize("timeout", ["0s", "31s"])
def test_a_duration_out_of_its_bounds_is_reported_with_them(timeout: str) -> None:
    with pytest.raises(ValidationError, match=f"must be 1ms to 30s; got {timeout}"):
        Probe.model_validate({"url": "http://a/", "header": "X-Version", "value": "v2", "timeout": timeout})
    assert Probe(url="http://a/", header="X-Version", value="v2", timeout="30s").timeout.seconds == 30


def test_what_a_rollout_began_with_is_read_though_a_bound_came_since() -> None:
    with pytest.raises(ValidationError, match="must be 0s to 10m; got 20h"):
        AnalysisSettings.model_validate({"settle": "20h"})
    assert AnalysisSettings.model_validate({"settle": "20h"}, context=AS_BEGUN).settle == timedelta(minutes=10)
    freeze = Freeze.model_validate({"from": "0001-01-01T00:00", "to": "9999-12-31T23:59"}, context=AS_BEGUN)
    assert (freeze.from_, freeze.to) == ("2000-01-01T00:00", "2199-12-31T00:00")
    swapped = {"query": "q", "min": 2, "max": 1}
    with pytest.raises(ValidationError, match="min: 2 is above max"):
        ThresholdSli.model_validate(swapped)
    assert ThresholdSli.model_validate(swapped, context=AS_BEGUN).min == 2
    assert Approval.model_validate({"timeout": "0s"}, context=AS_BEGUN).timeout == timedelta(milliseconds=1)
