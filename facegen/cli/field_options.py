"""Options of the command line that are fields of the library's: one name, one default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from facegen.options import CrispOptions, ModelOptions, TrainingOptions

Options = TypeVar("Options", ModelOptions, TrainingOptions, CrispOptions)


def field_option(
    options: ModelOptions | TrainingOptions | CrispOptions,
    name: str,
    kind: click.ParamType,
    help_text: str,
) -> Callable[[Callable], Callable]:
    """The option for a field, with its default there: a switch for a bool, numbers for a tuple."""
    default, flag = getattr(options, name), name.replace("_", "-")
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return click.option(
        f"--{flag}/--no-{flag}" if isinstance(default, bool) else f"--{flag}",
        type=kind,
        default=default,
        show_default=True,
        help=help_text,
    )


def with_arguments(
    options: Options, arguments: Mapping[str, Any], *, only_given: bool = False
) -> Options:
    """Options of the library, with those arguments of the command that are fields of them.

    Args:
        only_given: leave out arguments that don't stand on the command line.
    """
    names = {field.name for field in fields(options)} & arguments.keys()
    if only_given:
        source = click.get_current_context().get_parameter_source
        names = {name for name in names if source(name) == ParameterSource.COMMANDLINE}
    return replace(options, **{name: arguments[name] for name in names})
