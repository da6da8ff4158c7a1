"""API Gateway in front of the functions: invokes the authorizer, then the API's function with a proxy event.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
"""

import base64
import fnmatch
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.deploy.lambda_runtime import Function
from tests.deploy.permissions import ACCOUNT

API_ID, STAGE = "a1b2c3d4e5", "api"
_HOST = f"{API_ID}.execute-api.us-east-1.amazonaws.com"
_IDENTITY = (
    "accessKey accountId caller cognitoAuthenticationProvider cognitoAuthenticationType cognitoIdentityId "
    "cognitoIdentityPoolId principalOrgId user userArn"
)
BROWSER = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate, br",
    "CloudFront-Forwarded-Proto": "https",
    "Host": _HOST,
    "User-Agent": "Mozilla/5.0",
    "Via": "2.0 cloudfront.net (CloudFront)",
    "X-Amzn-Trace-Id": "Root=1-5e66d96f-7491f09xmpl79d18acf3d050",
    "X-Forwarded-For": "203.0.113.5, 198.51.100.7",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https",
}


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: Any


class ApiGateway:
    """The stage `api` of a REST API with these routes (resource paths as in its definition)."""

    def __init__(self, api_handler: Function, authorize: Function, resources: list[str]) -> None:
        self._api_handler = api_handler
        self._authorize = authorize
        self._resources = resources

    def call(
        self, method: str, path: str, token: str | None = "operator", body: str | None = None, *, encoded: bool = False
    ) -> Answer:
        """One request. ``encoded``: with a base64 body, as for binary media types."""
        headers = {**BROWSER}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token is None:
            return Answer(401, {}, {"message": "Unauthorized"})
        decision = self._authorize.invoke(self._authorizer_event(method, path, headers["Authorization"]))
        if not self._allowed(decision["policyDocument"], self._arn(method, path)):
            return Answer(403, {}, {"Message": "User is not authorized to access this resource"})
        event = proxy_event(self._resources, method, path, headers, body, decision)
        if encoded and body is not None:
            event |= {"body": base64.b64encode(body.encode()).decode(), "isBase64Encoded": True}
        answer = self._api_handler.invoke(event)
        return Answer(answer["statusCode"], _flat(answer), json.loads(answer["body"]))

    def _arn(self, method: str, path: str) -> str:
        return f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{API_ID}/{STAGE}/{method}{path}"

    def _authorizer_event(self, method: str, path: str, token: str) -> dict[str, Any]:
        return {"type": "TOKEN", "methodArn": self._arn(method, path), "authorizationToken": token}

    def _allowed(self, policy: Mapping[str, Any], arn: str) -> bool:
        return any(
            statement["Effect"] == "Allow"
            and any(fnmatch.fnmatchcase(arn, pattern) for pattern in statement["Resource"])
            for statement in policy["Statement"]
        )


def _flat(answer: Mapping[str, Any]) -> dict[str, str]:
    several = {name: ", ".join(values) for name, values in answer.get("multiValueHeaders", {}).items()}
    return {**several, **answer.get("headers", {})}


def proxy_event(
    resources: Sequence[str],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: str | None,
    decision: Mapping[str, Any],
) -> dict[str, Any]:
    """The event for api_handler. ``resources`` are the routes' paths, ``decision`` is the authorizer's response."""
    resource, parameters = _match(resources, path)
    identity = dict.fromkeys(_IDENTITY.split())
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "authorizer": {"principalId": decision["principalId"], "integrationLatency": 7, **decision["context"]},
            "domainName": _HOST,
            "domainPrefix": API_ID,
            "extendedRequestId": "JJbxmplHYosFVYQ=",
            "httpMethod": method,
            "identity": {**identity, "sourceIp": "203.0.113.5", "userAgent": headers["User-Agent"]},
            "path": f"/{STAGE}{path}",
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTime": "02/Mar/2026:09:00:00 +0000",
            "requestTimeEpoch": 1772442000000,
            "resourceId": "abc123",
            "resourcePath": resource,
            "stage": STAGE,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _match(resources: Sequence[str], path: str) -> tuple[str, dict[str, str] | None]:
    """The resource of the path, and its parameters (None without parameters)."""
    for resource in resources:
        if match := re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", resource), path):
            return resource, match.groupdict() or None
    raise AssertionError(f"API Gateway has no resource for {path}")
