"""The two calls of the identity service that a client of CPH needs: projects by name, and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pulumi_cph.simulator.clock import timestamp
from pulumi_cph.simulator.cloud import DOMAIN_ID, Cloud
from pulumi_cph.simulator.wire import Request, Response, json_response

TOKEN_SECONDS = 24 * 60 * 60.0
"""How long a token is valid."""


def list_projects(cloud: Cloud, request: Request) -> Response:
    """GET /v3/projects: the account's projects; ``name`` picks the one of a region."""
    name = request.parameters.get("name")
    projects = [_project(region, id_) for region, id_ in cloud.projects.items() if name in (None, region)]
    return json_response(200, {"projects": projects, "links": _links("projects")})


def create_token(cloud: Cloud, request: Request) -> Response:
    """POST /v3/auth/tokens: a token for a project. Any user name does; the password is the secret key."""
    try:
        auth = request.json()["auth"]
        user = auth["identity"]["password"]["user"]
        name, password = str(user["name"]), user["password"]
        scope = auth.get("scope", {}).get("project", {})
        wanted = (scope.get("id"), scope.get("name"))
    except (KeyError, TypeError, AttributeError):
        return keystone_error(400, "The request body is invalid")
    if password != cloud.key.secret_key:
        return keystone_error(401, "The username or password is wrong.")
    now = cloud.clock()
    token: dict[str, Any] = {
        "expires_at": _precise(now + TOKEN_SECONDS),
        "issued_at": _precise(now),
        "methods": ["password"],
        "catalog": [],
        "roles": [{"id": "0", "name": "te_admin"}],
        "user": {
            "id": "71167c4bc5644a53a1d0a2bcdf2f9e70",
            "name": name,
            "domain": _DOMAIN,
            "password_expires_at": "",
        },
    }
    project = next((pair for pair in cloud.projects.items() if wanted[0] == pair[1] or wanted[1] == pair[0]), None)
    if project is not None:
        token["project"] = {"id": project[1], "name": project[0], "domain": _DOMAIN}
    elif any(wanted):
        return keystone_error(401, "The project is not found or not authorized.")
    secret = f"MIISIMULATOR{cloud.new_id()}"
    cloud.gateway.tokens[secret] = now + TOKEN_SECONDS
    return json_response(201, {"token": token}, {"x-subject-token": secret})


def keystone_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in the shape of the Keystone calls, in which the code is a number."""
    content = {"error": {"code": status, "message": message, "title": HTTPStatus(status).phrase}}
    return json_response(status, content, headers)


_DOMAIN = {"id": DOMAIN_ID, "name": "simulator"}


def _project(region: str, id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "name": region,
        "domain_id": DOMAIN_ID,
        "parent_id": DOMAIN_ID,
        "is_domain": False,
        "enabled": True,
        "description": "",
        "links": _links(f"projects/{id_}"),
    }


def _links(path: str) -> dict[str, str | None]:
    return {"self": f"https://iam.simulator.invalid/v3/{path}", "next": None, "previous": None}


def _precise(seconds: float) -> str:
    return timestamp(seconds).replace("Z", ".000000Z")
