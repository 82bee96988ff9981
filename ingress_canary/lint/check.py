"""Check of manifests: every problem of every document at once. Used by the command line; reads only files.

A document passes three stages: is it one of ours, do the models take its spec, do the rules. Where a model refuses a
part, the rules are asked of the rest (``partial_schedule.py``); what depends on the wrong part is reported once that
is corrected.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from ingress_canary.api import API_VERSION, GROUP, ROLLOUT_KIND, SCHEDULE_KIND
from ingress_canary.api.model import FieldFault, Model
from ingress_canary.api.rollout import RolloutSpec
from ingress_canary.api.schedule import ScheduleSpec
from ingress_canary.api.schema.structural import Schema, structural
from ingress_canary.api.units import Name, ObjectName
from ingress_canary.domain.schedule.steps import StepList
from ingress_canary.domain.status.unsupported import unsupported_rollout, unsupported_schedule
from ingress_canary.domain.traffic.probe import unaskable_probe
from ingress_canary.lint.documents import Document, read_documents
from ingress_canary.lint.findings import LintFinding, LintProblem, LintSeverity, Path, did_you_mean
from ingress_canary.lint.model_errors import explain, path_of
from ingress_canary.lint.notes import NOTES
from ingress_canary.lint.partial_schedule import repaired
from ingress_canary.lint.rules import RULES

Spec = RolloutSpec | ScheduleSpec
SpecRule = Callable[[Spec], Iterable[FieldFault]]
"""Problems of a valid spec: what the daemon refuses although the schema takes it."""

_MODELS: Mapping[str, type[RolloutSpec] | type[ScheduleSpec]] = {ROLLOUT_KIND: RolloutSpec, SCHEDULE_KIND: ScheduleSpec}
_MEMBERS = ("apiVersion", "kind", "metadata", "spec")
_MEMBERS_OF = {ROLLOUT_KIND: (*_MEMBERS, "status"), SCHEDULE_KIND: _MEMBERS}

NOTHING = "no CanarySchedule or CanaryRollout in it"
"""Said of a file without any document: a note, as of documents of other kinds."""

_schema_of = cache(structural)


def unserved(spec: Spec) -> Iterator[FieldFault]:
    """Yield the problems that the daemon would report as InvalidSpec, with its own messages."""
    if isinstance(spec, ScheduleSpec):
        yield from unsupported_schedule(spec)
        return
    yield from unsupported_rollout(spec)
    inline = spec.schedule.inline
    if inline is not None:
        yield from unsupported_schedule(inline, "spec.schedule.inline")
    if inline is not None and spec.probe is not None:
        routes = tuple(step.exposure for step in StepList.of(inline).steps)
        yield from unaskable_probe(spec.probe, routes)


SPEC_RULES: tuple[SpecRule, ...] = (unserved,)
"""Rules on specs. Where the model refuses a part, those that speak of schedules are asked of what remains."""


def lint_files(
    paths: Iterable[FilePath], also: Iterable[tuple[str, str]] = (), more: Sequence[SpecRule] = ()
) -> list[LintFinding]:
    """Return every problem of these files, in order of place; an unreadable file is one of them.

    ``also`` holds (name, text) pairs that are checked together with them, such as standard input; ``more`` are rules
    that are asked of each valid spec.
    """
    findings: list[LintFinding] = []
    texts = list(also)
    for path in paths:
        try:
            texts.append((str(path), path.read_text(encoding="utf-8")))
        except OSError as error:
            findings.append(LintFinding(str(path), 1, 1, "", "", f"cannot be read: {error.strerror}", "check the path"))
        except UnicodeDecodeError:
            findings.append(LintFinding(str(path), 1, 1, "", "", "is not UTF-8 text", "save the file as UTF-8"))
    return sorted([*findings, *lint_texts(texts, more)])


def lint_texts(texts: Iterable[tuple[str, str]], more: Sequence[SpecRule] = ()) -> list[LintFinding]:
    """Return every problem of (file name, text) pairs, in order of place; ``more`` as of :func:`lint_files`."""
    findings: list[LintFinding] = []
    documents: list[Document] = []
    for file, text in texts:
        parts = list(read_documents(file, text))
        findings += [part for part in parts if isinstance(part, LintFinding)]
        documents += [item for part in parts if isinstance(part, Document) for item in part.items()]
        if not parts:
            findings.append(LintFinding(file, 1, 1, "", "", NOTHING, severity=LintSeverity.NOTE))
    ours = []
    for document in documents:
        if _is_ours(document.data):
            ours.append(document)
            problems = [document.finding(problem) for problem in _problems(document.data, more)]
            # what a document means is known once nothing is wrong with it
            findings += problems or [document.finding(note, LintSeverity.NOTE) for note in _notes(document.data)]
        else:
            findings.append(document.finding(_foreign(document), LintSeverity.NOTE))
    findings += _missing_schedules(ours)
    return sorted(set(findings))


def _is_ours(data: Any) -> bool:
    """Return whether a document is, or was meant to be, one of our kinds; one without kind is checked too."""
    if not isinstance(data, dict):
        return True
    group, kind = str(data.get("apiVersion") or "").partition("/")[0], str(data.get("kind") or "")
    return group == GROUP or kind in _MODELS or not group or not kind


def _foreign(document: Document) -> LintProblem:
    return LintProblem((), f"skipped: {document.data['apiVersion']} {document.data['kind']} is not ours")


def _problems(data: Any, more: Sequence[SpecRule]) -> Iterator[LintProblem]:
    """Yield the problems of one document."""
    if not isinstance(data, dict):
        yield LintProblem((), "not an object", "write apiVersion, kind, metadata and spec")
        return
    for name, wanted in (("apiVersion", (API_VERSION,)), ("kind", tuple(_MODELS))):
        if (value := data.get(name)) is None:
            yield LintProblem((name,), f"`{name}` is required", f"add it: {' or '.join(wanted)}")
        elif value not in wanted:
            yield LintProblem((name,), f"must be {' or '.join(wanted)}; got `{value}`", did_you_mean(value, wanted))
    model = _MODELS.get(data["kind"]) if isinstance(data.get("kind"), str) else None
    if model is None:
        return
    for name in data:
        if name not in _MEMBERS_OF[data["kind"]]:
            yield LintProblem((name,), f"unknown field `{name}`", did_you_mean(name, _MEMBERS))
    yield from _name_problems(data.get("metadata"))
    if not isinstance(spec := data.get("spec"), dict):
        yield LintProblem(("spec",), "`spec` is required", "add it: a mapping")
        return
    yield from _spec_problems(spec, model, more)


def _notes(data: Any) -> Iterator[LintProblem]:
    """Yield the notes on the schedule of a document without problems, if it has one."""
    model = _MODELS[data["kind"]]
    spec = _valid(_pruned(data["spec"], _schema_of(model)), model)
    prefix: Path = ("spec",)
    if isinstance(spec, RolloutSpec):
        if spec.schedule.inline is None:
            return
        prefix, spec = ("spec", "schedule", "inline"), spec.schedule.inline
    for note in NOTES:
        yield from (problem._replace(path=(*prefix, *problem.path)) for problem in note(spec))


class _Metadata(Model):
    """The API server's requirements for the names of our objects."""

    name: ObjectName | None = None
    namespace: Name | None = None


def _name_problems(metadata: Any) -> Iterator[LintProblem]:
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        yield LintProblem(("metadata", "name"), "`metadata.name` is required", "add it: a name such as checkout")
        return
    try:
        _Metadata.model_validate(metadata, strict=True)
    except ValidationError as refused:
        for problem in (explain(error, _schema_of(_Metadata)) for error in refused.errors()):
            yield problem._replace(path=("metadata", *problem.path))


def _spec_problems(
    spec: Mapping[str, Any], model: type[RolloutSpec] | type[ScheduleSpec], more: Sequence[SpecRule]
) -> Iterator[LintProblem]:
    """Yield the problems of a spec: by the lint rules, the model, and what the daemon does not support.

    A model's validator that speaks of a whole object says nothing new where a rule found the very place in it.
    """
    if _has_null(spec):
        spec = _pruned(spec, _schema_of(model))
    inline = _member(spec, "schedule", "inline")
    schedule, prefix = (inline, ("schedule", "inline")) if model is RolloutSpec else (spec, ())
    ruled = [
        problem._replace(path=(*prefix, *problem.path))
        for rule in RULES
        for problem in rule(schedule if isinstance(schedule, dict) else {})
    ]
    problems = list(ruled)
    try:
        valid = _valid(spec, model)
    except ValidationError as refused:
        for error in refused.errors():
            problem = explain(error, _schema_of(model))
            inside = len(problem.path) > len(error["loc"])
            if not (inside and any(other.path[: len(problem.path)] == problem.path for other in ruled)):
                problems.append(problem)
        rest = repaired(schedule) if isinstance(schedule, dict) else None
        unserved_problems = [] if rest is None else [_problem_of_rule(fault) for fault in unserved(rest)]
        problems += [problem._replace(path=(*prefix, *problem.path)) for problem in unserved_problems]
    else:
        problems += [_problem_of_rule(fault) for rule in (*SPEC_RULES, *more) for fault in rule(valid)]
    yield from (problem._replace(path=("spec", *problem.path)) for problem in problems)


def _valid(spec: Mapping[str, Any], model: type[RolloutSpec] | type[ScheduleSpec]) -> Spec:
    """Return the model of a spec; raises ValidationError."""
    return model.model_validate_json(json.dumps(spec), strict=True, extra="forbid", by_alias=True, by_name=False)


def _problem_of_rule(fault: FieldFault) -> LintProblem:
    _, *path = path_of(fault.field)
    return LintProblem(tuple(path), fault.what, fault.remedy)


def _has_null(value: Any) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(_has_null(member) for member in members)


def _pruned(value: Any, schema: Schema) -> Any:
    """Return ``value`` without known fields that are null: the API server drops them."""
    if isinstance(value, list):
        return [_pruned(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    return {
        name: _pruned(member, known.get(name, {}))
        for name, member in value.items()
        if member is not None or name not in known
    }


def _missing_schedules(documents: Iterable[Document]) -> Iterator[LintFinding]:
    """Yield each reference to a schedule that is missing from the given files of its namespace, if there are any."""
    names = [(document, _member(document.data, "metadata", "namespace")) for document in documents]
    given: dict[str, set[str]] = {}
    for document, namespace in names:
        name = _member(document.data, "metadata", "name")
        if _member(document.data, "kind") == SCHEDULE_KIND and isinstance(namespace, str) and isinstance(name, str):
            given.setdefault(namespace, set()).add(name)
    for document, _ in names:
        namespace, name = (_member(document.data, "spec", "schedule", "ref", part) for part in ("namespace", "name"))
        if isinstance(namespace, str) and isinstance(name, str) and name not in given.get(namespace, {name}):
            text = f"no CanarySchedule `{name}` among the given ones of namespace {namespace}"
            path = ("spec", "schedule", "ref", "name")
            yield document.finding(LintProblem(path, text, did_you_mean(name, given[namespace])))


def _member(data: Any, *path: str) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data
