#!/usr/bin/python3
"""Checks docs/asyncapi.yaml: by the official schema of AsyncAPI 3.0, its references, its examples by their
own schemas, and its addresses by the table in topics/topic.c."""

import base64
import datetime
import json
import pathlib
import re
import sys
import urllib.parse

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/asyncapi.yaml"
SCHEMA = ROOT / "docs/schemas/asyncapi-3.0.0.json"
TABLE = ROOT / "topics/topic.c"
HEADER = ROOT / "topics/topic.h"


class StrictLoader(yaml.SafeLoader):
    """YAML in which a duplicate key is a fault, and times stay text."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def follow(document, reference):
    if not reference.startswith("#"):
        raise KeyError(reference)
    found = document
    for part in reference.split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def resolve(document, value):
    while isinstance(value, dict) and "$ref" in value:
        value = follow(document, value["$ref"])
    return value


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_time(value):
    """jsonschema itself checks times only when another package is installed."""
    return not isinstance(value, str) or datetime.datetime.fromisoformat(value).tzinfo is not None


class PlainResolver(jsonschema.RefResolver):
    """Follows references by their path alone. jsonschema 4.10 takes a property named "$id", which the official schema
    describes, for the name of a schema, and fails."""

    def resolve(self, ref):
        url = urllib.parse.urljoin(self.resolution_scope, ref)
        address, fragment = urllib.parse.urldefrag(url)
        document = self.referrer if address == "" else jsonschema.Draft7Validator.META_SCHEMA
        return url, follow(document, "#" + fragment)


def check_by_official_schema(document):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema, resolver=PlainResolver("", schema))
    for error in validator.iter_errors(document):
        best = jsonschema.exceptions.best_match([error]) or error
        yield f"{best.json_path}: {best.message[:300]}"


def check_references(document):
    for reference in references(document):
        try:
            follow(document, reference)
        except KeyError:
            yield f"{reference}: nothing is there"
    used = set(references(document))
    for kind, entries in document["components"].items():
        for name in entries:
            if f"#/components/{kind}/{name}" not in used:
                yield f"components.{kind}.{name}: nothing refers to it"


def faults_of(document, schema, value):
    """Returns the faults of a value; the whole document is the scope of the schema's references."""
    validator = jsonschema.Draft7Validator(schema, resolver=PlainResolver("", document), format_checker=FORMATS)
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message[:200]}"


def check_message(document, name, message):
    if "payload" not in message or not message.get("examples"):
        yield f"message {name}: a payload and an example are needed"
        return
    for example in message["examples"]:
        where = f"message {name}, example {example['name']}"
        for fault in faults_of(document, message["payload"], example["payload"]):
            yield f"{where}: {fault}"
        if "headers" in message:
            for fault in faults_of(document, message["headers"], example.get("headers", {})):
                yield f"{where}, headers: {fault}"
        if "x-claims" in message["payload"]:
            header, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in example["payload"].split("."))
            for part, schema in ((header, "x-header"), (claims, "x-claims")):
                for fault in faults_of(document, message["payload"][schema], json.loads(part)):
                    yield f"{where}, {schema[2:]}: {fault}"


def check_examples(document):
    for name, message in document["components"]["messages"].items():
        yield from check_message(document, name, resolve(document, message))


def check_operations(document):
    handled = {operation["channel"]["$ref"].rsplit("/", 1)[1] for operation in document["operations"].values()}
    for name in document["channels"]:
        if name not in handled and name != "answer":
            yield f"channel {name}: no operation uses it"
    for name, operation in document["operations"].items():
        prefix = operation["channel"]["$ref"] + "/messages/"
        for message in operation["messages"]:
            if not message["$ref"].startswith(prefix):
                yield f"operation {name}: {message['$ref']} is not a message of its channel"


def check_addresses(document):
    root = re.search(r'#define TOPIC_ROOT_DEFAULT "([^"]+)"', HEADER.read_text(encoding="utf-8")).group(1)
    table = re.findall(r'\[TOPIC_[A-Z_]+\] = "([^"]+)"', TABLE.read_text(encoding="utf-8"))
    # The response topics of an operator have no address of their own.
    spelled = {pattern if pattern.startswith("$") else f"{root}/{pattern}" for pattern in table if not pattern.endswith("#")}
    described = {channel["address"] for channel in document["channels"].values() if channel["address"] is not None}
    for address in sorted(spelled - described):
        yield f"{address}: topics/topic.c has it, docs/asyncapi.yaml has not"
    for address in sorted(described - spelled):
        yield f"{address}: docs/asyncapi.yaml has it, topics/topic.c has not"
    for name, channel in document["channels"].items():
        fields = set(re.findall(r"\{(\w+)\}", channel["address"] or ""))
        if fields != set(channel.get("parameters", {})):
            yield f"channel {name}: its parameters are not those of its address"


def main():
    document = yaml.load(DOCUMENT.read_text(encoding="utf-8"), StrictLoader)
    faults = list(check_by_official_schema(document)) + list(check_references(document))
    if not faults:
        for check in (check_examples, check_operations, check_addresses):
            faults += check(document)
    for fault in faults:
        print(f"docs/asyncapi.yaml: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
