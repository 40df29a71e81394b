"""What openapi.json says about an answer. Stricter than the file on one point: replies are closed, so that a member
that the file does not know is a mistake here, though a client must pass over it."""

import copy
import json

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = "urn:activity:openapi"

# Replies of our own making; those in another's form (settings, source config) may grow as that one does.
CLOSED = ("Verdicts", "Refusal", "AcceptedVerdict", "RejectedVerdict", "DroppedVerdict", "Warning", "Health", "Success")

# A header of these that the file does not name for an answer must not be on it.
PROMISES = ("Allow", "Retry-After", "WWW-Authenticate", "Accept-Encoding", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


class Description:
    def __init__(self, file):
        self.document = json.loads(file.read_text(encoding="utf-8"))
        closed = copy.deepcopy(self.document)
        for name in CLOSED:
            closed["components"]["schemas"][name]["additionalProperties"] = False
        self.closed = closed
        self.registry = Registry().with_resource(ROOT, Resource(contents=closed, specification=DRAFT202012))

    def codes(self, schema):
        return {choice["const"] for choice in self.document["components"]["schemas"][schema]["oneOf"]}

    def resolved(self, node):
        while "$ref" in node:
            at = self.closed
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def path_item(self, path):
        """The paths' entry of a request's path, or None. A trailing slash makes no difference."""
        path = path.rstrip("/") or "/"
        if path in self.closed["paths"]:
            return self.closed["paths"][path]
        parts = path.split("/")
        for template, entry in self.closed["paths"].items():
            wanted = template.split("/")
            if len(wanted) == len(parts) and all(w == p or w.startswith("{") for w, p in zip(wanted, parts)):
                return entry
        return None

    def response(self, method, path, status):
        """The response object that describes it, or None. What no operation owns is described by name."""
        entry = self.path_item(path)
        if entry is None:
            named = {404: "NotFound"}
        else:
            operation = entry.get("get" if method == "HEAD" else method.lower())
            if operation is not None:
                found = operation["responses"].get(str(status))
                return None if found is None else self.resolved(found)
            named = {405: "MethodNotAllowed"} | ({204: "Preflight"} if method == "OPTIONS" else {})
        return self.closed["components"]["responses"][named[status]] if status in named else None

    def mistakes(self, method, path, status, headers, content):
        described = self.response(method, path, status)
        if described is None:
            yield f"openapi.json knows no {status} of {method} {path}"
            return
        yield from self.header_mistakes(described.get("headers", {}), headers)
        media_type = headers.get("Content-Type", "").split(";")[0].strip()
        if method == "HEAD":
            if content:
                yield "an answer to HEAD has a body"
            return
        known = described.get("content", {})
        if not known:
            if content:
                yield f"there is a body, which openapi.json does not know: {content[:80]!r}"
        elif media_type not in known:
            yield f"Content-Type is {media_type!r}, not of {sorted(known)}"
        elif media_type.endswith("json"):
            yield from self.schema_mistakes(known[media_type]["schema"], json.loads(content), "the body")
            if media_type == "application/problem+json" and json.loads(content).get("status") != status:
                yield "the problem's status is not the answer's"

    def header_mistakes(self, described, headers):
        known = {name.lower() for name in described}
        for name in PROMISES:
            if name in headers and name.lower() not in known:
                yield f"header {name} is there, which openapi.json does not know"
        for name, reference in described.items():
            header, value = self.resolved(reference), headers.get(name)
            if value is None:
                if header.get("required"):
                    yield f"header {name} is missing"
                continue
            if header["schema"].get("type") == "integer":
                try:
                    value = int(value)
                except ValueError:
                    pass
            yield from self.schema_mistakes(header["schema"], value, f"header {name}")

    def schema_mistakes(self, schema, value, what):
        schema = copy.deepcopy(schema)
        # The allOf of a problem: what neither of its parts knows.
        if "allOf" in schema:
            schema["unevaluatedProperties"] = False
        validator = Draft202012Validator({"$id": ROOT + ":at", **absolute(schema)}, registry=self.registry)
        for error in validator.iter_errors(value):
            yield f"{what}{error.json_path.removeprefix('$')}: {deepest(error).message[:300]}"


def absolute(node):
    """The same schema with its references made to point into the document."""
    if isinstance(node, dict):
        return {name: ROOT + value if name == "$ref" else absolute(value) for name, value in node.items()}
    if isinstance(node, list):
        return [absolute(value) for value in node]
    return node


def deepest(error):
    """The part of a failed oneOf or anyOf that says most."""
    while error.context:
        error = max(error.context, key=lambda part: len(part.absolute_path))
    return error
