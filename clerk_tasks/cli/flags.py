"""Give a command an option for each argument of the job type that its command line names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

from clerk.errors import ClerkError, UsageError
from clerk_tasks.job_types.arguments import parse_texts
from clerk_tasks.job_types.fields import FormField, Kind, fields, summary
from clerk_tasks.job_types.registry import RegisteredJobType, registry

#: What was typed for the arguments of the job type; a command that takes it calls its parameter `flags`.
Flags = Mapping[str, str | bool | list[str]]
_METAVARS = {Kind.NUMBER: "NUMBER", Kind.DATE: "YYYY-MM-DD", Kind.TIME: "YYYY-MM-DDTHH:MM", Kind.JSON: "JSON"}


def typed_arguments(job_type: str, texts: Iterable[str], flags: Flags) -> dict[str, Any]:
    """Return the arguments of a job type that the texts of --arg and the flags give; UsageError names its plugin."""
    registered = registry().get(job_type)
    try:
        return parse_texts(registered.job_type.function, texts, flags)
    except UsageError as error:
        raise UsageError(f"{error} ({registered.origin})") from None


def takes_flags(command: Callable[..., None]) -> type[TyperCommand]:
    """Return the class of a command with a parameter `flags`; its command line begins with a job type."""

    class FlagCommand(TyperCommand):
        def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
            bare = _built(command, str(self.name), None)
            registered = _named(bare, args)
            real = bare if registered is None else _built(command, str(self.name), registered, _taken(bare))
            if registered is None and not {"-h", "--help"} & set(args):
                # The command says that the job type is unknown; its options cannot be known either.
                extra |= {"ignore_unknown_options": True, "allow_extra_args": True}
            try:
                return real.make_context(info_name, args, parent=parent, **extra)
            except TyperException as error:
                if registered is None or error.exit_code != UsageError.exit_code:
                    raise
                advice = f"see `clerk-tasks {info_name} {registered.name} --help`"
                raise UsageError(f"{error.format_message()} ({registered.origin}; {advice})") from None

    return FlagCommand


def _named(bare: Any, args: Sequence[str]) -> RegisteredJobType | None:
    """Return the job type that a command line names: the first word that is one, and no value of an option."""
    words = _words(bare, args)
    if not words:
        return None
    try:
        known = registry().job_types
    except ClerkError:  # a bad setting, say: the command will meet it too
        return None
    return next((known[word] for word in words if word in known), None)


def _words(bare: Any, args: Sequence[str]) -> list[str]:
    valued = {name for param in bare.params if not getattr(param, "is_flag", True) for name in param.opts}
    return [
        word
        for before, word in zip(["", *args], args, strict=False)
        if not word.startswith("-") and before not in valued
    ]


def _taken(bare: Any) -> set[str]:
    names = {name for param in bare.params for name in (*param.opts, *param.secondary_opts)}
    return names | {"--help", "-h"}


def _built(command: Callable[..., None], name: str, registered: RegisteredJobType | None, taken: Any = ()) -> Any:
    """Build the command with the options of a job type."""
    hints = get_type_hints(command, include_extras=True)
    own = {key: each for key, each in inspect.signature(command).parameters.items() if key != "flags"}
    options = {} if registered is None else dict(_options(registered, set(taken)))

    def wrapped(**given: Any) -> None:
        flags = {key.removeprefix("flag_"): given.pop(key) for key in options}
        command(**given, flags={key: value for key, value in flags.items() if value not in (None, [])})

    parameters = [each.replace(kind=each.KEYWORD_ONLY, annotation=hints[key]) for key, each in own.items()]
    parameters += [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for key, annotation in options.items()
    ]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
    wrapped.__doc__ = "\n\n".join([inspect.getdoc(command) or "", *(_about(registered, options) if registered else ())])
    leaf = typer.Typer(rich_markup_mode=None, add_completion=False)
    leaf.command(name)(wrapped)
    return typer.main.get_command(leaf)


def _about(registered: RegisteredJobType, options: Mapping[str, Any]) -> Iterator[str]:
    function = registered.job_type.function
    yield f"{registered.name}: {summary(function) or 'its arguments are options too.'}"
    others = [field for field in fields(function) if f"flag_{field.name}" not in options]
    for field in others:
        yield f"--arg {field.name}={_metavar(field)}: {_help(field)}"


def _options(registered: RegisteredJobType, taken: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield the option of each argument; one whose name the command has taken is given by --arg."""
    for field in fields(registered.job_type.function):
        flag = f"--{field.name.replace('_', '-')}"
        if flag in taken or field.name.startswith("_"):
            continue
        taken.add(flag)
        off = f"--no{flag[1:]}"
        has_off = field.kind is Kind.FLAG and off not in taken
        taken |= {off} if has_off else set()
        declared = f"{flag}/{off}" if has_off else flag
        option = typer.Option(
            declared,
            metavar=None if field.kind is Kind.FLAG else _metavar(field),
            help=_help(field),
            show_default=False,
            autocompletion=_completion(field),
        )
        kind: Any = bool if field.kind is Kind.FLAG else list[str] if field.many else str
        yield f"flag_{field.name}", Annotated[kind | None, option]


def _metavar(field: FormField) -> str:
    return "|".join(field.choices) or _METAVARS.get(field.kind, field.kind.value.upper())


def _help(field: FormField) -> str:
    notes = ["may be repeated"] if field.many else []
    notes += ["required"] if field.required else [f"default: {field.default}"] if field.default is not None else []
    return " ".join(filter(None, [field.help, f"[{'; '.join(notes)}]" if notes else ""]))


def _completion(field: FormField) -> Callable[[str], list[str]]:
    return lambda incomplete: [choice for choice in field.choices if choice.startswith(incomplete)]
