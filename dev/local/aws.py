"""A simulated AWS on one port: moto's server, the simulated RDS, and Lambda's Invoke for the app's functions."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import boto3
from moto.backends import get_backend
from moto.core.config import default_user_config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from chalicelib.domain.model import DatabaseRef, Kind
from chalicelib.settings import Settings
from dev.local.apigateway import accept_swagger
from dev.local.cloudwatch import publish_connections
from dev.local.domains import serve_domains
from dev.local.dynamodb import serialize_calls
from dev.local.layers import serve_layers
from dev.local.options import REGION
from dev.local.quotas import enforce_quotas
from dev.local.rds import LocalRds
from dev.stage import APP_NAME, LOCAL_STAGE
from dev.table import ensure_table

Invoke = Callable[[str, Any], Any]
_INVOCATION: Final = re.compile(
    rf"/2015-03-31/functions/(?:arn:[^/]*:)?{APP_NAME}-{LOCAL_STAGE}-(?P<name>[^/]+)/invocations/?"
)


class LocalAws:
    """Serves on 127.0.0.1 in a thread of its own until it is stopped."""

    def __init__(self, port: int, start_seconds: float, stop_seconds: float) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._invoke: Invoke | None = None
        serialize_calls()
        accept_swagger()
        enforce_quotas()
        serve_layers()
        serve_domains()
        # moto: would require Docker to create a function.
        default_user_config["lambda"] = {"use_docker": False}
        # moto: would load 1,300 machine images of EC2 to create an RDS instance.
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
        self._server = make_server("127.0.0.1", port, self._answer, threaded=True, request_handler=_QuietHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="local AWS", daemon=True)
        self._rds_seconds = start_seconds, stop_seconds
        self.rds = self.simulate_rds()

    def start(self) -> None:
        """Start to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()

    def simulate_rds(self) -> LocalRds:
        """Replace moto's RDS, and publish its metric. A reset of moto undoes this."""
        backend = get_backend("rds")[DEFAULT_ACCOUNT_ID][REGION]
        rds = LocalRds(backend, lambda: datetime.now(UTC), *self._rds_seconds)
        publish_connections(get_backend("cloudwatch")[DEFAULT_ACCOUNT_ID][REGION], rds)
        return rds

    def serve_functions(self, invoke: Invoke) -> None:
        """Let Lambda's Invoke run the app's functions."""
        self._invoke = invoke

    def create_resources(self, settings: Settings) -> None:
        """Create the metadata table, and every managed database with the status stopped."""
        dynamodb = boto3.client("dynamodb", endpoint_url=self.url, region_name=REGION)
        ensure_table(dynamodb, settings.metadata_table, sleep=lambda _: None)
        client = boto3.client("rds", endpoint_url=self.url, region_name=REGION)
        for ref in settings.databases:
            create_database(client, ref)
            self.rds.set_status(ref.id, "stopped")
        self.rds.discard_changes()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        match = _INVOCATION.fullmatch(environ.get("PATH_INFO", ""))
        if match and environ["REQUEST_METHOD"] == "POST" and self._invoke is not None:
            status, headers, body = self._run(self._invoke, match["name"], environ)
            start_response(status, [("Content-Type", "application/json"), *headers])
            return [body]
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer

    def _run(self, invoke: Invoke, name: str, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        """Lambda's response to Invoke.

        https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
        """
        payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            result = invoke(name, json.loads(payload or b"{}"))
        except KeyError:
            body = {"Type": "User", "Message": f"Function not found: {name}"}
            return "404 Not Found", [("x-amzn-errortype", "ResourceNotFoundException")], _json(body)
        except Exception as error:  # noqa: BLE001 - Lambda, too, returns every exception of a function as a response
            body = {"errorMessage": str(error), "errorType": type(error).__name__}
            return "200 OK", [("X-Amz-Function-Error", "Unhandled")], _json(body)
        return "200 OK", [("X-Amz-Executed-Version", "$LATEST")], _json(result)


class _QuietHandler(WSGIRequestHandler):
    """AWS calls are not logged."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def create_database(client: Any, ref: DatabaseRef) -> None:
    """Create a small PostgreSQL instance or cluster of that id."""
    access = {"MasterUsername": "dashboard", "MasterUserPassword": "only-local"}
    if ref.kind is Kind.CLUSTER:
        client.create_db_cluster(DBClusterIdentifier=ref.id, Engine="aurora-postgresql", **access)
    else:
        client.create_db_instance(
            DBInstanceIdentifier=ref.id,
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            **access,
        )


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
