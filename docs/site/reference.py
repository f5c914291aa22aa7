"""The reference of the HTTP API: one page of operations for each tag, one page of shapes, from the OpenAPI document."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from app.main import create_app
from app.settings import Settings

JSON = dict[str, Any]
# OpenAPI's names of limits, and how they read.
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def generate(app: Sphinx) -> None:
    """Write generated/api/*.md."""
    folder = Path(app.srcdir) / "generated" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages(document()).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def document() -> JSON:
    """The OpenAPI document of the service, built without starting one."""
    with tempfile.TemporaryDirectory() as folder:
        application = create_app(Settings(data_dir=Path(folder)))
        application.state.engine.dispose()
        return application.openapi()


def pages(api: Mapping[str, Any]) -> dict[str, str]:
    """Markdown by page name: `index`, one for each tag, and `shapes`."""
    tags = {tag["name"]: tag["description"] for tag in api["tags"]}
    by_tag: dict[str, list[str]] = {tag: [] for tag in tags}
    rows: dict[str, list[str]] = {tag: [] for tag in tags}
    for path, item in api["paths"].items():
        for method, operation in item.items():
            [tag] = operation["tags"]
            by_tag[tag].append("\n".join(_operation(method, path, operation)))
            link = f"[`{method.upper()} {path}`](#{_id(operation)})"
            rows[tag].append(f"| {link} | {operation['summary']} |")
    made = {tag: "\n\n".join([f"# {tag.capitalize()}", tags[tag], *by_tag[tag]]) + "\n" for tag in tags}
    made["shapes"] = (
        "\n\n".join(["# Shapes", "What is sent and answered.", *_shapes(api["components"]["schemas"])]) + "\n"
    )
    made["index"] = "\n".join(_index(api, rows)) + "\n"
    return made


def _index(api: Mapping[str, Any], rows: Mapping[str, list[str]]) -> Iterator[str]:
    yield f"# The HTTP API\n\n{api['info']['description']}"
    yield f"Version {api['info']['version']}. The document behind these pages is `/openapi.json` of a service.\n"
    for tag, lines in rows.items():
        yield f"## {tag.capitalize()}\n\n| operation | does |\n|---|---|"
        yield from lines
        yield ""
    yield "```{toctree}\n:hidden:\n"
    yield from [*rows, "shapes"]
    yield "```"


def _id(operation: Mapping[str, Any]) -> str:
    return f"operation-{operation['operationId']}"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"({_id(operation)})=\n## {operation['summary']}\n\n`{method.upper()} {path}`\n"
    yield operation.get("description", "") + "\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | says |\n|---|---|---|---|"
        for parameter in parameters:
            name = f"`{parameter['name']}`" + (" (required)" if parameter.get("required") else "")
            says = _says({**parameter["schema"], "description": parameter.get("description", "")})
            yield f"| {name} | {parameter['in']} | {_type(parameter['schema'])} | {says} |"
        yield ""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"**Body** (`{media}`): {_type(content['schema'])}\n"
    yield "| status | says | body |\n|---|---|---|"
    for status, response in operation["responses"].items():
        bodies = [f"{_type(body.get('schema', {}))} (`{media}`)" for media, body in response.get("content", {}).items()]
        says = "done" if response["description"] == "Successful Response" else response["description"]
        yield f"| {status} | {_cell(says)} | {', '.join(bodies) or '–'} |"


def _shapes(schemas: Mapping[str, JSON]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"(shape-{name.lower()})=\n## {name}\n\n{schema.get('description', '')}"
        if "enum" in schema:
            yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."
        if properties := schema.get("properties"):
            needed = set(schema.get("required", ()))
            lines = ["| field | type | says |", "|---|---|---|"]
            for field, part in properties.items():
                mark = " (required)" if field in needed else ""
                lines.append(f"| `{field}`{mark} | {_type(part)} | {_says(part)} |")
            yield "\n".join(lines)
        for example in schema.get("examples", ())[:1]:
            yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"


def _type(schema: Mapping[str, Any]) -> str:
    """A type in words, with a link where it is a shape of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#shape-{name.lower()})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[key]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(kind)


def _says(schema: Mapping[str, Any]) -> str:
    """Description, limits and default in one cell; what may be null has its limits in a part of its own."""
    kinds = [schema, *schema.get("anyOf", ())]
    limits = [text.format(kind[key]) for kind in kinds for key, text in LIMITS.items() if key in kind]
    parts = [schema.get("description", ""), ", ".join(dict.fromkeys(limits))]
    if schema.get("default") is not None:
        parts.append(f"by default `{json.dumps(schema['default'])}`")
    return _cell("; ".join(part.rstrip(".") for part in parts if part))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
