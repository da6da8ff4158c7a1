"""Makes moto's API Gateway serve custom domains through both versions of its API, as AWS does.

Chalice creates a domain with the first version, and asks for its mappings and deletes it with the second one. moto
keeps a store for each, and has no UpdateDomainName.
"""

import functools
import json
from typing import Any

from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.models import APIGatewayBackend, apigateway_backends
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths
from moto.apigatewayv2.models import ApiGatewayV2Backend, ApiMapping
from moto.apigatewayv2.responses import ApiGatewayV2Response


def serve_domains() -> None:
    """Let moto share its domains. Calling this twice does no harm."""
    if hasattr(APIGatewayResponse, "update_domain_name"):
        return
    # The ARN of a domain contains slashes, which moto's own paths of tags do not allow.
    url_paths["{0}/v2/tags/(?P<resource_arn>[^/]+)/domainnames/(?P<domain_name>[^/]+)$"] = ApiGatewayV2Response.dispatch
    APIGatewayResponse.update_domain_name = _update_domain_name  # type: ignore[attr-defined]
    original, original_delete = ApiGatewayV2Backend.get_api_mappings, APIGatewayBackend.delete_rest_api

    @functools.wraps(original)
    def get_api_mappings(backend: ApiGatewayV2Backend, domain_name: str) -> list[ApiMapping]:
        first = _first_version(backend)
        if domain_name not in first.domain_names:
            return original(backend, domain_name)
        return [
            ApiMapping(
                mapping.rest_api_id, mapping.base_path.replace("(none)", ""), "", domain_name, str(mapping.stage)
            )
            for mapping in first.get_base_path_mappings(domain_name)
        ]

    def delete_domain_name(backend: ApiGatewayV2Backend, domain_name: str) -> None:
        first = _first_version(backend)
        first.delete_domain_name(domain_name)
        first.base_path_mappings.pop(domain_name, None)

    @functools.wraps(original_delete)
    def delete_rest_api(backend: APIGatewayBackend, function_id: str) -> Any:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-develop.html
        mapped = [mapping for domain in backend.base_path_mappings.values() for mapping in domain.values()]
        if any(mapping.rest_api_id == function_id for mapping in mapped):
            raise BadRequestException(
                "Deleting Rest API failed. Please remove all base path mappings related to it in your domains."
            )
        return original_delete(backend, function_id)

    ApiGatewayV2Backend.get_api_mappings = get_api_mappings  # type: ignore[method-assign,assignment]
    ApiGatewayV2Backend.delete_domain_name = delete_domain_name  # type: ignore[method-assign,assignment]
    APIGatewayBackend.delete_rest_api = delete_rest_api  # type: ignore[method-assign,assignment]


def _first_version(backend: ApiGatewayV2Backend) -> APIGatewayBackend:
    first: APIGatewayBackend = apigateway_backends[backend.account_id][backend.region_name]
    return first


def _update_domain_name(response: APIGatewayResponse) -> str:
    domain = response.backend.get_domain_name(response.path.split("/")[2])
    for operation in response._get_param("patchOperations"):  # noqa: SLF001 - as moto's own responses do
        name = {"/certificateArn": "certificate_arn", "/securityPolicy": "security_policy"}.get(operation["path"])
        if name is not None:
            setattr(domain, name, operation["value"])
    return json.dumps(domain.to_json())
