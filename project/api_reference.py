"""The reference of the HTTP API, written from openapi.json."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]

DESCRIPTION = Path(__file__).resolve().parents[1] / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")
CREDENTIALS = """Each call carries the headers `X-VocaFuse-API-Key` and `X-VocaFuse-API-Secret`, or
`Authorization: Bearer <token>` ([authentication](../authentication.md)), unless it says that it needs none.

This reference is made from [openapi.json](../openapi.json), which a running server shows at `/docs` too.
"""
ERRORS = "[What each means, and what to do](../errors.md). What they look like:"
DIALECTS = {"openai": "OpenAI's form"}


@dataclass(frozen=True)
class ReferencePage:
    """A page of the site."""

    path: str
    title: str
    text: str


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    content: Json


@cache
def pages() -> list[ReferencePage]:
    """The overview, and one page for each tag, in the description's order."""
    description: Json = json.loads(DESCRIPTION.read_text())
    tags: dict[str, list[Operation]] = {}
    for operation in _operations(description):
        tags.setdefault(operation.content["tags"][0], []).append(operation)
    made = [
        ReferencePage(f"api/{_slug(tag)}.md", _title(tag), _tag_page(description, tag, operations))
        for tag, operations in tags.items()
    ]
    overview = _overview(description, dict(zip((page.path for page in made), tags.items(), strict=True)))
    return [ReferencePage("api/index.md", "Overview", overview), *made]


def _operations(description: Json) -> Iterator[Operation]:
    for path, methods in description["paths"].items():
        for method in METHODS:
            if method in methods:
                yield Operation(method.upper(), path, methods[method])


def _overview(description: Json, tags: dict[str, tuple[str, list[Operation]]]) -> str:
    rows = [
        _row(_title(tag), f"`{each.method}`", f"[`{each.path}`]({_link(path, each)})", _first_sentence(each))
        for path, (tag, operations) in tags.items()
        for each in operations
    ]
    errors = [
        _answer_example(_error_title(name), example["value"])
        for name, example in sorted(description["components"]["examples"].items())
    ]
    calls = _table(("part", "method", "path", "what it does"), rows)
    return "\n\n".join(["# HTTP API", CREDENTIALS, "## Every call", calls, "## Errors", ERRORS, *errors])


def _error_title(example: str) -> str:
    """`openai-400` as `400 in OpenAI's form`."""
    dialect, _, status = example.rpartition("-")
    return f"{status} in {DIALECTS.get(dialect, dialect)}"


def _link(path: str, operation: Operation) -> str:
    return f"{path.removeprefix('api/')}#{_slug(operation.content['summary'])}"


def _tag_page(description: Json, tag: str, operations: list[Operation]) -> str:
    parts = [f"# {_title(tag)}", *(_operation(description, each) for each in operations)]
    return "\n\n".join(parts) + "\n"


def _operation(description: Json, operation: Operation) -> str:
    content = operation.content
    parts = [
        f"## {_sentence(content['summary'])}",
        f"`{operation.method} {operation.path}`{{ .call .{operation.method.lower()} }}",
        content.get("description", ""),
        "No credentials are needed." if content.get("security") == [] else "",
        _parameters(description, content.get("parameters", [])),
        *_bodies(description, content.get("requestBody", {}).get("content", {})),
        _answers(description, content["responses"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _parameters(description: Json, parameters: list[Json]) -> str:
    rows = [
        _row(
            f"`{each['name']}`",
            each["in"],
            *_field(description, each["schema"], each.get("required", False), each),
        )
        for each in (_resolved(description, one) for one in parameters)
    ]
    return _table(("parameter", "in", "type", "meaning"), rows)


def _bodies(description: Json, contents: Json) -> Iterator[str]:
    for media_type, content in contents.items():
        schema = _resolved(description, content.get("schema", {}))
        required = schema.get("required", [])
        rows = [
            _row(f"`{name}`", *_field(description, field, name in required, field))
            for name, field in schema.get("properties", {}).items()
        ]
        yield f"Body: `{media_type}`\n\n{_table(('field', 'type', 'meaning'), rows)}".rstrip()


def _answers(description: Json, responses: Json) -> str:
    """What a call answers with when it has worked; the errors are the same everywhere, and explained once."""
    answers = {status: _resolved(description, one) for status, one in responses.items()}
    errors = " ".join(f"`{status}`" for status in answers if status[0] in "45")
    parts: list[str] = []
    for status in (status for status in answers if status[0] == "2"):
        content: Json = answers[status].get("content", {})
        media_types = " or ".join(f"`{one}`" for one in content)
        parts.append(f"Answer: `{status}`{', ' if media_types else ''}{media_types}")
        parts += [_answer_example(status, value) for value in _example_values(description, content)]
    return "\n\n".join([*parts, f"[Errors](index.md#errors): {errors}" if errors else ""])


def _example_values(description: Json, content: Json) -> Iterator[object]:
    for name, example in content.get("application/json", {}).get("examples", {}).items():
        if name:
            yield _resolved(description, example)["value"]


def _answer_example(title: str, value: object) -> str:
    lines = json.dumps(value, indent=2, ensure_ascii=False).splitlines()
    block = "\n".join(f"    {line}" for line in ["```json", *lines, "```"])
    return f'??? example "{title}"\n\n{block}\n'


def _field(description: Json, schema: Json, required: bool, owner: Json) -> tuple[str, str]:
    """A field's type and its meaning, as cells of a table."""
    type_text = _type(description, schema) + ("" if required else ", optional")
    default = f" Default: `{json.dumps(schema['default'])}`." if "default" in schema else ""
    return type_text, (owner.get("description", "") + default).strip()


def _type(description: Json, schema: Json) -> str:
    schema = _resolved(description, schema)
    if "enum" in schema:
        return " ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    options = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    named = [one for one in options if "type" in one or "$ref" in one]
    if named:
        nullable = " or null" if len(options) < len(schema["anyOf"]) else ""
        return " or ".join(_type(description, one) for one in named) + nullable
    if schema.get("type") == "array":
        return f"array of {_type(description, schema['items'])}{_limits(schema)}"
    formats = [one["format"] for one in (schema, *options) if "format" in one]
    return " ".join([schema.get("type", "any"), *(f"({one})" for one in formats)]) + _limits(schema)


def _limits(schema: Json) -> str:
    pairs = (
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "items"),
        ("minimum", "maximum", ""),
    )
    for least, most, unit in pairs:
        if least in schema or most in schema:
            numbers = [f"{schema[name]:g}" for name in (least, most) if name in schema]
            text = (
                " to ".join(numbers)
                if len(numbers) == 2
                else ("at least " if least in schema else "at most ") + numbers[0]
            )
            return f", {text} {unit}".rstrip()
    return ""


def _resolved(description: Json, schema: Json) -> Json:
    """What a `$ref` names; anything else as it is."""
    if "$ref" not in schema:
        return schema
    found: Json = description
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return _resolved(description, found)


def _table(heads: tuple[str, ...], rows: list[str]) -> str:
    if not rows:
        return ""
    return "\n".join([_row(*heads), _row(*("---" for _ in heads)), *rows])


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _title(tag: str) -> str:
    return tag[0].upper() + tag[1:]


def _sentence(text: str) -> str:
    """`Get Api Key` as `Get api key`."""
    return text[0].upper() + text[1:].lower()


def _first_sentence(operation: Operation) -> str:
    text: str = operation.content.get("description", operation.content["summary"])
    return re.split(r"\.\s|\n\n", text)[0].rstrip(".")


def _slug(text: str) -> str:
    return text.lower().replace(" ", "-")
