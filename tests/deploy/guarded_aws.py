"""The simulated AWS with IAM: a call with a function's access key is allowed if the function's policy allows it.

moto compares policies with the resource * only, so that it denies every exact ARN.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import boto3
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.moto_api._internal.models import moto_api_backend

from chalicelib.settings import Settings
from dev.local.aws import LocalAws
from tests.deploy.permissions import required_permissions
from tests.local.test_make_run import free_ports

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/")
_SERVICES = {"monitoring": "cloudwatch"}


class GuardedAws(LocalAws):
    """Calls with other keys, such as those of the tests, are always allowed. ``failing_request`` is always rejected."""

    def __init__(self, port: int, start_seconds: float, stop_seconds: float) -> None:
        super().__init__(port, start_seconds, stop_seconds)
        self.policies: dict[str, IAMPolicy] = {}
        self.used: dict[str, set[tuple[str, str]]] = {}
        self.denied: list[tuple[str, str, str]] = []
        self.requests: list[str] = []
        self.failing_request: str | None = None

    def grant(self, key: str, document: Any) -> None:
        """Allow calls with this access key what the policy allows."""
        self.policies[key] = IAMPolicy({"policy_document": json.dumps(document)})
        self.used.setdefault(key, set())

    def client(self, service: str) -> Any:
        """A boto3 client for the tests."""
        make: Any = boto3.client
        return make(service, endpoint_url=self.url, region_name="us-east-1")

    def reset(self, settings: Settings) -> None:
        """Start again with the databases and the table of these settings. Permissions are kept."""
        moto_api_backend.reset()
        self.rds = self.simulate_rds()
        self.create_resources(settings)
        self.used = {key: set() for key in self.policies}
        self.denied.clear()
        self.requests.clear()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        if self.failing_request == self.requests[-1]:
            start_response("400 Bad Request", [("Content-Type", "application/json")])
            return [b'{"__type": "BadRequestException", "message": "AWS rejects this request"}']
        if match is None or match["key"] not in self.policies:
            return super()._answer(environ, start_response)
        service = _SERVICES.get(match["service"], match["service"])
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        operation, parameters = _call(service, environ, body)
        for action, resource in required_permissions(service, operation, parameters):
            self.used[match["key"]].add((action, resource))
            if self.policies[match["key"]].is_action_permitted(action, resource) != PermissionResult.PERMITTED:
                self.denied.append((match["key"], action, resource))
                return _deny(service, start_response)
        return super()._answer(environ, start_response)


def _call(service: str, environ: dict[str, Any], body: bytes) -> tuple[str, dict[str, Any]]:
    """The operation and the parameters of a call, in the protocol of its service."""
    match service:
        case "dynamodb" | "events" | "logs" | "cloudwatch":
            return environ["HTTP_X_AMZ_TARGET"].split(".")[1], json.loads(body)
        case "rds" | "iam" | "sts":
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            return form["Action"], form
        case "lambda" | "apigateway":
            query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
            parameters = json.loads(body) if body.startswith(b"{") else {}
            return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{query}", parameters
        case _:
            return environ["PATH_INFO"].rsplit("/", 1)[-1], {}


def _deny(service: str, start_response: Any) -> Iterable[bytes]:
    if service in ("dynamodb", "events", "logs", "cloudwatch"):
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")])
        return [b'{"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not authorized"}']
    start_response("403 Forbidden", [("Content-Type", "text/xml")])
    error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error>"
    return [f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>".encode()]


@contextmanager
def guarded_aws(settings: Settings | None = None, *, seconds: float = 1) -> Iterator[GuardedAws]:
    """A simulated AWS: empty, or with the resources of these settings. Starts and stops take ``seconds``."""
    moto_api_backend.reset()
    aws = GuardedAws(free_ports()[0], seconds, seconds)
    aws.start()
    try:
        if settings is not None:
            aws.create_resources(settings)
        yield aws
    finally:
        aws.stop()
        moto_api_backend.reset()
