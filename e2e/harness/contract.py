"""Does an answer fit the published OpenAPI document?"""

import json
import re
from datetime import datetime
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker

# The 27 operations of the reference documents, and the companions that every client of them needs.
OPERATIONS = {
    "account-api-tokens-list-permission-groups", "permission-groups-list-permission-groups",
    "account-permission-group-list", "account-permission-group-details",
    "account-resource-group-list", "account-resource-group-details", "account-resource-group-create",
    "account-resource-group-update", "account-resource-group-delete",
    "account-user-group-list", "account-user-group-details", "account-user-group-create",
    "account-user-group-update", "account-user-group-delete",
    "account-user-group-member-list", "account-user-group-member-get", "account-user-group-member-create",
    "account-user-group-members-update", "account-user-group-member-delete",
    "get-all-sso-connectors", "get-sso-connector", "init-new-sso-connector", "update-sso-connector-state",
    "delete-sso-connector", "begin-sso-connector-verification",
    "account-roles-list-roles", "account-roles-role-details",
}  # fmt: skip
COMPANIONS = {
    "accounts-list-accounts", "account-creation", "accounts-account-details",
    "account-members-list-members", "account-members-add-member", "account-members-member-details",
    "account-members-update-member", "account-members-remove-member",
    "audit-logs-v2-get-account-audit-logs", "audit-logs-v2-get-account-audit-log-history",
    "audit-logs-v2-list-account-product-categories", "audit-logs-get-account-audit-logs",
    "audit-logs-get-user-audit-logs",
    "zones-get", "zones-post", "zones-0-get", "zones-0-delete",
}  # fmt: skip

FORMATS = FormatChecker(formats=())
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value):
    if isinstance(value, str):
        datetime.fromisoformat(value[:19])
        return TIME.fullmatch(value) is not None
    return True


class Contract:
    def __init__(self, path=Path(__file__).parent.parent / "openapi-iam.json"):
        document = _json_schema(json.loads(path.read_text()))
        self.components = document["components"]
        self.routes = []
        for template, methods in document["paths"].items():
            pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", template))
            for method, operation in methods.items():
                if isinstance(operation, dict) and operation.get("operationId") in OPERATIONS | COMPANIONS:
                    self.routes.append((method.upper(), pattern, template.count("{"), operation))
        found = {operation["operationId"] for *_, operation in self.routes}
        assert found == OPERATIONS | COMPANIONS, OPERATIONS | COMPANIONS ^ found
        self.routes.sort(key=lambda route: route[2])  # `/tokens/permission_groups` before `/tokens/{id}`
        self.validators = {}

    def operation(self, method, path):
        """The operation at this path (without base path and query), if it is one of ours."""
        for its_method, pattern, _, operation in self.routes:
            if its_method == method and pattern.fullmatch(path):
                return operation
        return None

    def problems(self, operation, status, content_type, body):
        """(pointer with `*` for array indices, what is wrong there, details) of each place that does not fit."""
        responses = operation["responses"]
        response = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if response is None:
            yield "", "status", f"status {status} is not declared"
            return
        if (content_type or "").split(";")[0] != "application/json":
            yield "", "content-type", f"content type {content_type}"
            return
        try:
            value = json.loads(body)
        except ValueError as error:
            yield "", "json", str(error)
            return
        for error in self._validator(operation, status, response).iter_errors(value):
            pointer = "".join(f"/{'*' if isinstance(step, int) else step}" for step in error.absolute_path)
            yield pointer, error.validator, error.message[:300]

    def _validator(self, operation, status, response):
        key = operation["operationId"], status
        if key not in self.validators:
            schema = {**response["content"]["application/json"]["schema"], "components": self.components}
            self.validators[key] = Draft202012Validator(schema, format_checker=FORMATS)
        return self.validators[key]


def _json_schema(node):
    """OpenAPI 3.0 to JSON Schema: `nullable`, and what stands beside a `$ref` does not count."""
    if isinstance(node, list):
        return [_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    nullable = node.get("nullable") is True
    if isinstance(node.get("$ref"), str):
        reference = {"$ref": node["$ref"]}
        return {"anyOf": [reference, {"type": "null"}]} if nullable else reference
    schema = {key: _json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"].append(None)
    return schema
