"""moto's API Gateway, made fit for the Swagger document by which Chalice deploys a REST API.

moto reads OpenAPI 3 documents with a description, and neither authorizers nor CORS mocks. API Gateway takes what
Chalice sends as it is.
"""

import copy
import functools
from typing import Any, Final

from moto.apigateway.models import APIGatewayBackend, RestAPI

Document = dict[str, Any]

_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put")


def take_swagger() -> None:
    """From now on moto takes Chalice's documents. Doing this twice does no harm."""
    if getattr(APIGatewayBackend.import_rest_api, "takes_swagger", False):
        return
    imported, put = APIGatewayBackend.import_rest_api, APIGatewayBackend.put_rest_api

    @functools.wraps(imported)
    def import_rest_api(backend: APIGatewayBackend, api_doc: Document, *args: Any, **kwargs: Any) -> RestAPI:
        info = {"description": "", **api_doc["info"]}  # moto: a document without a description is a KeyError
        return imported(backend, {**api_doc, "info": info}, *args, **kwargs)

    @functools.wraps(put)
    def put_rest_api(
        backend: APIGatewayBackend, function_id: str, api_doc: Document, *args: Any, **kwargs: Any
    ) -> RestAPI:
        api = put(backend, function_id, _readable(api_doc), *args, **kwargs)
        _add_root(backend, api, api_doc)
        _add_authorizers(backend, api, api_doc)
        return api

    import_rest_api.takes_swagger = True  # type: ignore[attr-defined]
    APIGatewayBackend.import_rest_api = import_rest_api  # type: ignore[method-assign,assignment]
    APIGatewayBackend.put_rest_api = put_rest_api  # type: ignore[method-assign,assignment]


def _readable(document: Document) -> Document:
    """The document in the words that moto understands."""
    read = copy.deepcopy({name: value for name, value in document.items() if name != "swagger"})
    read["openapi"] = "3.0.0"  # moto: refuses a swagger key
    read["paths"].pop("/", None)  # moto: would make a second root; see _add_root
    for path in read["paths"].values():
        for integration in _integrations(path):
            integration.setdefault("uri", "")  # moto: cannot do without, though a mock has none
            integration.setdefault("httpMethod", "POST")
    return read


def _integrations(path: Document) -> list[Document]:
    return [path[method]["x-amazon-apigateway-integration"] for method in _METHODS if method in path]


def _add_root(backend: APIGatewayBackend, api: RestAPI, document: Document) -> None:
    """moto: makes a resource below the root for the path of the root itself."""
    root = api.get_resource_for_path("/")
    for method in document["paths"].get("/", {}):
        backend.put_method(api.id, root.id, method.upper(), None)


def _add_authorizers(backend: APIGatewayBackend, api: RestAPI, document: Document) -> None:
    """moto: imports no authorizers, and lets no method ask for one."""
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
