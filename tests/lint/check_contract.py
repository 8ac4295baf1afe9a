#!/usr/bin/python3
"""Checks that docs/openapi.yaml says what the HTTP endpoint takes: every operation can refuse a broken target with 400, and the
schemas of plans and fleets have the keys that the daemon reads, and take the examples."""

import pathlib
import re
import sys

import jsonschema
import yaml

from validate_asyncapi import StrictLoader, resolve

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/openapi.yaml"
KEY = re.compile(r'(?:\.name = |(?:ID_LIST|MAP|CHOICE|SECONDS|INTEGER|PERCENTAGE|TEXT)\()"(\w+)"')
LANGUAGES = {  # the schema of each document, the files that read its keys, and its examples
    "Plan": (("config/plan_keys.c", "config/blackout.c"), "config/examples/plans/*.yaml"),
    "Fleet": (("config/fleet_builder.c",), "config/examples/fleet-small.yaml"),
}


class ExampleLoader(StrictLoader):
    """Booleans are true and false alone: `on` is a key of plans."""


ExampleLoader.yaml_implicit_resolvers = {
    first: [(tag, re.compile("^(?:true|false)$") if tag.endswith(":bool") else pattern) for tag, pattern in resolvers]
    for first, resolvers in StrictLoader.yaml_implicit_resolvers.items()
}


def check_answers(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "400" not in operation["responses"]:
                yield f"{method.upper()} {path}: has no 400, the answer to a broken path or an unknown parameter"


def properties(document, schema):
    """Yields the keys of a schema, and of all schemas in it."""
    schema = resolve(document, schema)
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from properties(document, inner)
    for inner in [schema.get("items", {}), *schema.get("anyOf", ())]:
        yield from properties(document, inner) if inner else ()


def check_keys(document, name, files):
    read = {key for file in files for key in KEY.findall((ROOT / file).read_text(encoding="utf-8"))}
    written = set(properties(document, document["components"]["schemas"][name]))
    for key in sorted(read - written):
        yield f"schema {name}: {' or '.join(files)} reads {key}, which it does not have"
    for key in sorted(written - read - {"apiVersion", "kind", "branches", "devices"}):
        yield f"schema {name}: {' and '.join(files)} do not read {key}"


def check_examples(document, name, pattern):
    resolver = jsonschema.RefResolver.from_schema(document)
    validator = jsonschema.Draft202012Validator(document["components"]["schemas"][name], resolver=resolver)
    for path in sorted(ROOT.glob(pattern)):
        for error in validator.iter_errors(yaml.load(path.read_text(encoding="utf-8"), ExampleLoader)):
            yield f"schema {name}: {path.relative_to(ROOT)}: {error.json_path}: {error.message[:200]}"


def main():
    document = yaml.load(DOCUMENT.read_text(encoding="utf-8"), StrictLoader)
    faults = list(check_answers(document))
    for name, (files, pattern) in LANGUAGES.items():
        faults += check_keys(document, name, files)
        faults += check_examples(document, name, pattern)
    for fault in faults:
        print(f"docs/openapi.yaml: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
