"""Makes moto's API Gateway accept the Swagger document with which Chalice deploys a REST API.

moto requires OpenAPI 3 documents with a description, and supports neither authorizers nor CORS mocks. API Gateway
imports Chalice's document as it is:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api.html
"""

import copy
import functools
from typing import Any, Final

from moto.apigateway.models import APIGatewayBackend, RestAPI

Document = dict[str, Any]

_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put")


def accept_swagger() -> None:
    """Let moto import Chalice's documents. Calling this twice does no harm."""
    if getattr(APIGatewayBackend.import_rest_api, "accepts_swagger", False):
        return
    imported, put = APIGatewayBackend.import_rest_api, APIGatewayBackend.put_rest_api

    @functools.wraps(imported)
    def import_rest_api(backend: APIGatewayBackend, api_doc: Document, *args: Any, **kwargs: Any) -> RestAPI:
        info = {"description": "", **api_doc["info"]}  # moto: KeyError for a document without a description
        return imported(backend, {**api_doc, "info": info}, *args, **kwargs)

    @functools.wraps(put)
    def put_rest_api(
        backend: APIGatewayBackend, function_id: str, api_doc: Document, *args: Any, **kwargs: Any
    ) -> RestAPI:
        api = put(backend, function_id, _to_openapi(api_doc), *args, **kwargs)
        _add_root(backend, api, api_doc)
        _add_authorizers(backend, api, api_doc)
        return api

    import_rest_api.accepts_swagger = True  # type: ignore[attr-defined]
    APIGatewayBackend.import_rest_api = import_rest_api  # type: ignore[method-assign,assignment]
    APIGatewayBackend.put_rest_api = put_rest_api  # type: ignore[method-assign,assignment]


def _to_openapi(document: Document) -> Document:
    """The document in the form that moto imports."""
    read = copy.deepcopy({name: value for name, value in document.items() if name != "swagger"})
    read["openapi"] = "3.0.0"  # moto: rejects the key swagger
    read["paths"].pop("/", None)  # moto: would create a second root; see _add_root
    for path in read["paths"].values():
        for integration in _integrations(path):
            integration.setdefault("uri", "")  # moto: requires it, although a mock integration has none
            integration.setdefault("httpMethod", "POST")
    return read


def _integrations(path: Document) -> list[Document]:
    return [path[method]["x-amazon-apigateway-integration"] for method in _METHODS if method in path]


def _add_root(backend: APIGatewayBackend, api: RestAPI, document: Document) -> None:
    """moto: would create another resource below the root for the root's own path."""
    root = api.get_resource_for_path("/")
    for method in document["paths"].get("/", {}):
        backend.put_method(api.id, root.id, method.upper(), None)


def _add_authorizers(backend: APIGatewayBackend, api: RestAPI, document: Document) -> None:
    """moto: imports neither authorizers nor the methods' references to them."""
    api.authorizers.clear()
    ids: dict[str, str] = {}
    for name, definition in document.get("securityDefinitions", {}).items():
        authorizer = backend.create_authorizer(
            api.id,
            name,
            definition["x-amazon-apigateway-authorizer"]["type"].upper(),
            authorizer_uri=definition["x-amazon-apigateway-authorizer"]["authorizerUri"],
            identity_source=f"method.request.header.{definition['name']}",
        )
        ids[name] = str(authorizer.id)
    for path, methods in document["paths"].items():
        for name in _METHODS:
            for security in methods.get(name, {}).get("security", []):
                method = api.get_resource_for_path(path).resource_methods[name.upper()]
                method.authorization_type = "CUSTOM"
                method.authorizer_id = ids[next(iter(security))]
