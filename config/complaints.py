"""Turns pydantic's errors into problems that name the field, the value and the remedy."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.errors import Problem


def from_pydantic(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """One problem for each field at fault."""
    problems: dict[str, Problem] = {}
    for detail in error.errors():
        location = detail["loc"]
        field = _dotted(location)
        problems.setdefault(field, _problem(field, location, detail, model))
    return list(problems.values())


def without_faulty(raw: Mapping[str, object], error: ValidationError) -> dict[str, object]:
    """A copy of the configuration less the fields at fault, so that the rest can be checked."""
    remainder = copy.deepcopy(dict(raw))
    locations = sorted((detail["loc"] for detail in error.errors()), key=_depth_first)
    for location in locations:
        _drop(remainder, location)
    return remainder


def not_of_defaults(further: Iterable[Problem], faulty: Iterable[Problem]) -> list[Problem]:
    """The problems of what is left, less those that only the defaults of faulty fields make."""
    fields = [problem.field for problem in faulty]
    hidden = {
        field
        for field, read_with in _READ_TOGETHER.items()
        if any(read_with.fullmatch(faulty_field) for faulty_field in fields)
    }
    return [problem for problem in further if problem.field not in hidden]


#: Which faulty fields leave a rule without what it would have judged.
_READ_TOGETHER = {
    "fabric.timers.keepalive_time": re.compile(r"fabric\.timers(\.(hold|keep).*)?"),
    "fabric.redundancy.bfd.interval_ms": re.compile(
        r"fabric\.timers(\.hold.*)?|fabric\.redundancy(\.bfd.*)?"
    ),
    "fabric.datacentres[].nodes.controlplanes": re.compile(
        r"fabric\.datacentres\[\d+\](\.nodes(\.control.*)?)?"
    ),
}


def _depth_first(location: tuple[int | str, ...]) -> tuple[int, str]:
    return (-len(location), _dotted(location))


def _drop(container: object, location: Sequence[int | str]) -> None:
    for part in location[:-1]:
        if isinstance(container, Mapping):
            container = container.get(part)
        elif isinstance(container, list) and isinstance(part, int) and part < len(container):
            container = container[part]
        else:
            return
    last = location[-1]
    if isinstance(container, dict):
        container.pop(last, None)
    elif isinstance(container, list) and isinstance(last, int) and last < len(container):
        container[last] = {}


def _dotted(location: Sequence[int | str]) -> str:
    dotted = ""
    for part in location:
        dotted += f"[{part}]" if isinstance(part, int) else f".{part}" if dotted else part
    return dotted


def _problem(
    field: str, location: tuple[int | str, ...], detail: ErrorDetails, model: type[BaseModel]
) -> Problem:
    context = detail.get("ctx", {})
    value = None if location[0] == "passwords" else detail["input"]
    match detail["type"]:
        case "refused":
            return Problem(field, value, str(context["reason"]), str(context["remedy"]))
        case "extra_forbidden":
            return Problem(field, None, "is not a setting", _nearest(location, model))
        case "int_type" | "int_parsing" | "int_from_float":
            return Problem(field, value, "is not a whole number", "write a whole number")
        case "bool_type" | "bool_parsing":
            return Problem(field, value, "is neither true nor false", "write true or false")
        case "enum" | "literal_error":
            return Problem(field, value, "is none of the choices", f"write {context['expected']}")
        case "greater_than_equal":
            return Problem(field, value, "is too small", f"write {context['ge']} or more")
        case "less_than_equal":
            return Problem(field, value, "is too large", f"write {context['le']} or less")
        case "too_short":
            return Problem(field, None, "is empty", "write a number of datacentres, or a list")
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return Problem(field, value, "is not a mapping", "write key: value pairs under it")
        case "tuple_type" | "list_type":
            return Problem(field, value, "is not a list", "write its entries as [one, another]")
        case "string_type":
            return Problem(field, value, "is not text", "put it in quotes")
        case _:
            return Problem(field, value, "will not do", detail["msg"])


def _nearest(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = list(_model_at(location[:-1], model).model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the settings here are {', '.join(known)}"


def _model_at(location: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_within(model.model_fields[part].annotation) or model
    return model


def _model_within(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_within(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
