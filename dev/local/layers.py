"""Adds GetLayerVersionByArn to moto, which Chalice calls for a stage with `automatic_layer`.

https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html
"""

import json

from moto.awslambda.responses import LambdaResponse


def serve_layers() -> None:
    """Let moto find a layer by its ARN. Calling this twice does no harm."""
    LambdaResponse.get_layer_version_by_arn = _get_layer_version_by_arn  # type: ignore[attr-defined]


def _get_layer_version_by_arn(response: LambdaResponse) -> str:
    layer, _, version = str(response.querystring["Arn"][0]).rpartition(":")
    return json.dumps(response.backend.get_layer_version(layer, version).get_layer_version())
