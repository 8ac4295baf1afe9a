#!/usr/bin/python3
"""Checks docs/openapi.yaml: by the official schema of OpenAPI 3.1, its references, its schemas and examples, its
states by those in orchestrator/rollout/vocabulary.def, and its paths by the table in http_routes.c."""

import json
import pathlib
import re
import sys

import jsonschema
import yaml

from validate_asyncapi import FORMATS, StrictLoader, check_references, resolve

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/openapi.yaml"
SCHEMA = ROOT / "docs/schemas/openapi-3.1.json"
TABLE = ROOT / "orchestrator/intake/http_routes.c"
STATES = ROOT / "orchestrator/rollout/vocabulary.def"
ROW = re.compile(r'\{"(\w+)",\s*"([^"]+)",\s*"([^"]*)",\s*ACCESS_(\w+),')


def check_by_official_schema(document):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
        best = jsonschema.exceptions.best_match([error]) or error
        yield f"{best.json_path}: {best.message[:300]}"


def check_schemas(document):
    for name, schema in document["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            yield f"schema {name}: {error.message[:200]}"
    states = re.findall(r'^INSTRUCTION_STATE\(\w+, \d+, "(\w+)"\)', STATES.read_text(encoding="utf-8"), re.MULTILINE)
    if not states or document["components"]["schemas"]["State"]["enum"] != states:
        yield "schema State: not the states of orchestrator/rollout/vocabulary.def"


def contents(value):
    """Yields every media type object that has an example."""
    if isinstance(value, dict):
        if "schema" in value and "example" in value:
            yield value
        for inner in value.values():
            yield from contents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from contents(inner)


def check_examples(document):
    resolver = jsonschema.RefResolver.from_schema(document)
    for content in contents(document):
        validator = jsonschema.Draft202012Validator(content["schema"], resolver=resolver, format_checker=FORMATS)
        for error in validator.iter_errors(content["example"]):
            yield f"example {content['example']}: {error.json_path}: {error.message[:200]}"


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            parameters = [resolve(document, parameter) for parameter in operation.get("parameters", [])]
            query = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
            is_open = {} in (operation.get("security", document["security"]) or [{}])  # also without a token
            in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
            if in_path != set(re.findall(r"\{(\w+)\}", path)):
                raise SystemExit(f"docs/openapi.yaml: {method} {path}: its parameters are not those of its path")
            yield method.upper(), path, frozenset(query), is_open


def check_routes(document):
    rows = ROW.findall(TABLE.read_text(encoding="utf-8"))
    described = set(operations(document))
    any_query = {(method, path): query for method, path, query, _ in described}  # of a row that allows any parameter
    served = {(method, path, any_query.get((method, path)) if query == "*" else frozenset(query.replace("+", "").split()),
               who in ("PUBLIC", "DOWNLOAD", "SIGN_IN")) for method, path, query, who in rows}
    for route in sorted(served - described, key=str):
        yield f"{route[0]} {route[1]}: http_routes.c has it so, docs/openapi.yaml has not"
    for route in sorted(described - served, key=str):
        yield f"{route[0]} {route[1]}: docs/openapi.yaml has it so, http_routes.c has not"


def main():
    document = yaml.load(DOCUMENT.read_text(encoding="utf-8"), StrictLoader)
    faults = list(check_by_official_schema(document))
    # A security scheme is referred to by its name.
    faults += [fault for fault in check_references(document) if not fault.startswith("components.securitySchemes.")]
    if not faults:
        for check in (check_schemas, check_examples, check_routes):
            faults += check(document)
    for fault in faults:
        print(f"docs/openapi.yaml: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
