"""A description as TypeScript: the two event maps that socket.io-client's ``Socket`` takes. Pure.

For each namespace ``Name.ClientToServerEvents`` and ``Name.ServerToClientEvents``; ``Namespaces``
finds them by path.
"""

import json
import re
from collections.abc import Iterable, Sequence

from realtime.contracts.description import (
    Address,
    Argument,
    Arguments,
    ClientEvent,
    Description,
    NamespaceEvents,
    ServerEvent,
)
from realtime.contracts.schema_types import (
    INDENT,
    TypeNames,
    array_of,
    comment,
    key,
    object_of,
    type_of,
    union_of,
)

_HEADER = """\
// The events of this site, for TypeScript. Made by: manage.py asyncapi --typescript
// Do not edit: change the annotations of the consumers, and make it again.
"""
_REFUSED = "Refused"
_NAMESPACES = "Namespaces"
_NAMESPACE_AT = "NamespaceAt"
# What stands in each namespace.
_CODES = "Codes"
_MAPS = (_CODES, "ClientToServerEvents", "ServerToClientEvents")
# Names that no parameter may have; `ack` stands last in each event.
_RESERVED = re.compile(
    "ack|arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum"
    "|eval|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface"
    "|let|new|null|package|private|protected|public|return|static|super|switch|this|throw|true|try"
    "|typeof|var|void|while|with|yield"
)
_NUMBERS = frozenset({"int"})


def make_types(description: Description) -> str:
    """Return the text of a module; the same description always gives the same text."""
    taken = (_REFUSED, _NAMESPACES, _NAMESPACE_AT, *_MAPS)
    names = TypeNames(description.schemas, taken)
    by_name = {each.name: each for each in description.namespaces}
    blocks = [_HEADER]
    blocks += [
        _declaration(names[name], schema, names) for name, schema in description.schemas.items()
    ]
    blocks.append(_refused(type_of(description.refusal, names)))
    blocks += [_namespace(each, names) for _name, each in sorted(by_name.items())]
    blocks += [_by_path(description.namespaces), _at_path(description.namespaces)]
    return "\n".join(blocks)


def _declaration(name: str, schema: dict[str, object], names: TypeNames) -> str:
    about = comment(str(schema.get("description", "")), "")
    if schema.get("type") == "object" and schema.get("properties"):
        return "\n".join([*about, f"export interface {name} {object_of(schema, names)}", ""])
    return "\n".join([*about, f"export type {name} = {type_of(schema, names)};", ""])


def _refused(refusal: str) -> str:
    return "\n".join(
        [
            "/** A refusal of which the codes are known. */",
            f"export type {_REFUSED}<Code extends string> = {refusal} & {{ code: Code }};",
            "",
        ]
    )


def _namespace(namespace: NamespaceEvents, names: TypeNames) -> str:
    indent = INDENT * 2
    lines = [*comment(namespace.summary, ""), f"export namespace {namespace.name} {{"]
    lines += comment("With which codes each event may be refused.", INDENT)
    lines.append(f"{INDENT}export interface {_CODES} {{")
    for event in namespace.from_client:
        codes = _lines_of(["string"] if event.codes is None else map(json.dumps, event.codes))
        lines.append(f"{indent}{key(event.name)}:{codes};")
    lines += [f"{INDENT}}}", "", f"{INDENT}export interface ClientToServerEvents {{"]
    for event in namespace.from_client:
        lines += comment(event.summary, indent)
        lines += [
            f"{indent}{key(event.name)}: (",
            *(f"{indent}{INDENT}{each}" for each in _listener(event, names, indent + INDENT)),
            f"{indent}) => void;",
        ]
    lines += [f"{INDENT}}}", "", f"{INDENT}export interface ServerToClientEvents {{"]
    for heard in namespace.from_server:
        lines.append(_server_event(heard, names, indent))
    return "\n".join([*lines, f"{INDENT}}}", "}", ""])


def _lines_of(types: Iterable[str]) -> str:
    each = list(types)
    return f" {each[0]}" if len(each) == 1 else "".join(f"\n{INDENT * 3}| {one}" for one in each)


def _listener(event: ClientEvent, names: TypeNames, indent: str) -> list[str]:
    """Return the parameters of a client event, the ack last."""
    ack = f"ack: ({_answer(event, names, indent)}) => void"
    arguments = event.arguments
    required = [_parameter(each, names, indent) for each in arguments.each if each.is_required]
    optional = [_parameter(each, names, indent) for each in arguments.each if not each.is_required]
    if not optional and arguments.rest is None:
        return [f"{each}," for each in [*required, ack]]
    # Any number of the optional ones may be given. They are one signature: several would hide each
    # other from socket.io-client's own types.
    forms = [[*required, *optional[:count]] for count in range(len(optional) + 1)]
    if arguments.rest is not None:
        forms[-1].append(f"...rest: {array_of(type_of(arguments.rest, names, indent))}")
    written = [f"[{', '.join([*form, ack])}]" for form in forms]
    if len(written) == 1:
        return [f"...args: {written[0]}"]
    return ["...args:" + "".join(f"\n{indent}{INDENT}| {form}" for form in written)]


def _answer(event: ClientEvent, names: TypeNames, indent: str) -> str:
    """Return the parameters of an ack: a refusal may stand in place of the first."""
    refused = f"{_REFUSED}<{_CODES}[{json.dumps(event.name)}]>"
    answer = event.answer
    if answer.rest is not None:
        return f"...answer: {array_of(union_of([type_of(answer.rest, names, indent), refused]))}"
    if not answer.each:
        return f"refused?: {refused}"
    first, *others = answer.each
    mark = "" if first.is_required else "?"
    shown = [f"{first.name}{mark}: {union_of([*_alternatives(first, names, indent), refused])}"]
    # After a refusal there is nothing.
    shown += [f"{each.name}?: {union_of(_alternatives(each, names, indent))}" for each in others]
    return ", ".join(shown)


def _server_event(event: ServerEvent, names: TypeNames, indent: str) -> str:
    return f"{indent}{key(event.name)}: ({_parameters(event.arguments, names, indent)}) => void;"


def _parameters(arguments: Arguments, names: TypeNames, indent: str) -> str:
    return ", ".join(_parameter(each, names, indent) for each in arguments.each)


def _parameter(argument: Argument, names: TypeNames, indent: str) -> str:
    name = f"{argument.name}_" if _RESERVED.fullmatch(argument.name) else argument.name
    return f"{name}: {union_of(_alternatives(argument, names, indent))}"


def _alternatives(argument: Argument, names: TypeNames, indent: str) -> list[str]:
    return [type_of(schema, names, indent) for schema in argument.schemas]


def _by_path(namespaces: Sequence[NamespaceEvents]) -> str:
    lines = [
        "/** Both maps of each namespace, by its path. */",
        f"export interface {_NAMESPACES} {{",
    ]
    for each in namespaces:
        lines += [
            f"{INDENT}{json.dumps(each.address.path)}: {{",
            f"{INDENT * 2}ClientToServerEvents: {each.name}.ClientToServerEvents;",
            f"{INDENT * 2}ServerToClientEvents: {each.name}.ServerToClientEvents;",
            f"{INDENT}}};",
        ]
    return "\n".join([*lines, "}", ""])


def _at_path(namespaces: Sequence[NamespaceEvents]) -> str:
    lines = [
        "/** What answers at a path: routes are tried in order, as the server does. */",
        f"export type {_NAMESPACE_AT}<Path extends string> =",
    ]
    for each in namespaces:
        found = f"{_NAMESPACES}[{json.dumps(each.address.path)}]"
        lines.append(f"{INDENT}Path extends {_pattern(each.address)} ? {found} :")
    return "\n".join([*lines, f"{INDENT}never;", ""])


def _pattern(address: Address) -> str:
    """Return the type of the paths that a route takes, as far as TypeScript can say."""
    path = address.path.replace("\\", "\\\\").replace("`", "\\`").replace("$", "\\$")
    for name, converter in address.converters.items():
        kind = "number" if converter in _NUMBERS else "string"
        path = path.replace(f"{{{name}}}", f"${{{kind}}}")
    return f"`{path}`"
