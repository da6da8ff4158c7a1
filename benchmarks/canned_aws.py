"""An AWS that always gives the same responses at once, so that measurements show the caller's own time.

RDS uses its query protocol and DynamoDB JSON, as in the service models of botocore; every client gets the same bytes.
It runs in its own process: ``python -m benchmarks.canned_aws`` prints its port.
"""

import json
import socketserver
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore import xform_name

from chalicelib.aws.records import encode_record, to_attributes
from chalicelib.domain.record import DatabaseRecord
from chalicelib.domain.timestamps import format_time

STOPPED: Final = "stopped"
"""A database that is always stopped, also after a start."""
IN_USE: Final = "in-use"
"""A database that is available and was queried a minute ago."""
TABLE: Final = "system-metadata"
ACTIVITY_KEY: Final = "last_rds_query_time"
CALLS: Final = "/calls"

Call = tuple[str, str, dict[str, Any]]
"""Service, method of boto3's client, parameters."""

_STATUS: Final = {STOPPED: "stopped", IN_USE: "available"}
_AVAILABLE_FOR: Final = timedelta(hours=2)
_INSTANCE: Final = """<DBInstance>\
<DBInstanceIdentifier>{id}</DBInstanceIdentifier><DBInstanceStatus>{status}</DBInstanceStatus>\
<DBInstanceClass>db.t4g.medium</DBInstanceClass><Engine>postgres</Engine><EngineVersion>16.3</EngineVersion>\
<Endpoint><Address>{id}.c1x2y3.us-east-1.rds.amazonaws.com</Address><Port>5432</Port>\
<HostedZoneId>Z2R2ITUGPM61AM</HostedZoneId></Endpoint><AllocatedStorage>100</AllocatedStorage>\
<InstanceCreateTime>2024-01-08T09:12:33.123Z</InstanceCreateTime><MasterUsername>postgres</MasterUsername>\
<PreferredBackupWindow>03:00-03:30</PreferredBackupWindow><BackupRetentionPeriod>7</BackupRetentionPeriod>\
<VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-0123456789abcdef0</VpcSecurityGroupId>\
<Status>active</Status></VpcSecurityGroupMembership></VpcSecurityGroups><DBParameterGroups><DBParameterGroup>\
<DBParameterGroupName>default.postgres16</DBParameterGroupName><ParameterApplyStatus>in-sync</ParameterApplyStatus>\
</DBParameterGroup></DBParameterGroups><AvailabilityZone>us-east-1a</AvailabilityZone><DBSubnetGroup>\
<DBSubnetGroupName>default</DBSubnetGroupName><VpcId>vpc-0123456789abcdef0</VpcId>\
<SubnetGroupStatus>Complete</SubnetGroupStatus><Subnets><Subnet><SubnetIdentifier>subnet-0123456789abcdef0\
</SubnetIdentifier><SubnetAvailabilityZone><Name>us-east-1a</Name></SubnetAvailabilityZone>\
<SubnetStatus>Active</SubnetStatus></Subnet></Subnets></DBSubnetGroup><MultiAZ>false</MultiAZ>\
<StorageType>gp3</StorageType><StorageEncrypted>true</StorageEncrypted>\
<DBInstanceArn>arn:aws:rds:us-east-1:123456789012:db:{id}</DBInstanceArn></DBInstance>"""


class CannedAws(socketserver.ThreadingTCPServer):
    """Serves HTTP/1.1 with as little work as possible, and records the calls."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.calls: list[Call] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed function breaks its connections, which is expected; other errors are printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """The body of the response. Raises KeyError for an operation that is not supported."""
        if path == CALLS:
            recorded, self.calls = self.calls, []
            return json.dumps(recorded).encode()
        if "x-amz-target" in headers:
            operation, request = headers["x-amz-target"].rpartition(".")[2], json.loads(body)
            request.pop("ClientRequestToken", None)  # made by the client, for this one call
            self.calls.append(("dynamodb", xform_name(operation), request))
            return json.dumps(_dynamodb(operation, request, datetime.now(UTC))).encode()
        given = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        action, database_id = given["Action"], given["DBInstanceIdentifier"]
        self.calls.append(("rds", xform_name(action), {"DBInstanceIdentifier": database_id}))
        return _rds(action, database_id).encode()


class _Connection(socketserver.StreamRequestHandler):
    server: CannedAws
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Serve the requests of one connection."""
        while line := self.rfile.readline():
            headers = {}
            while (header := self.rfile.readline().rstrip()) != b"":
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", "0")))
            answer = self.server.answer(line.split()[1].decode(), headers, body)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def _rds(action: str, database_id: str) -> str:
    status = {"DescribeDBInstances": _STATUS[database_id], "StartDBInstance": "starting", "StopDBInstance": "stopping"}
    shown = _INSTANCE.format(id=escape(database_id), status=status[action])
    inner = f"<DBInstances>{shown}</DBInstances>" if action == "DescribeDBInstances" else shown
    metadata = "<ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>"
    namespace = "http://rds.amazonaws.com/doc/2014-10-31/"
    return (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{inner}</{action}Result>{metadata}</{action}Response>'
    )


def _dynamodb(operation: str, request: Any, now: datetime) -> Any:
    match operation:
        case "BatchGetItem":
            keys = [key["key"]["S"] for key in request["RequestItems"][TABLE]["Keys"]]
            items = [_item(key, now) for key in keys if not key.startswith(f"{ACTIVITY_KEY}/")]
            return {"Responses": {TABLE: items}, "UnprocessedKeys": {}}
        case "GetItem":
            return {"Item": _item(request["Key"]["key"]["S"], now)}
        case "TransactWriteItems":
            return {}
        case _:
            raise KeyError(operation)


def _item(key: str, now: datetime) -> dict[str, Any]:
    """A last query one minute ago, or the app's record of a database without changes."""
    if key == ACTIVITY_KEY:
        return {"key": {"S": key}, "value": {"S": format_time(now - timedelta(minutes=1))}}
    status = _STATUS[key.removeprefix("rds_lifecycle/")]
    since = now - _AVAILABLE_FOR
    available_since = since if status == "available" else None
    record = DatabaseRecord(
        revision=7,
        status=status,
        status_changed_at=since,
        available_since=available_since,
        last_daily_status_on=now.date(),
    )
    return {"key": {"S": key}, **to_attributes({n: v for n, v in encode_record(record).items() if v is not None})}


class CannedAwsClient:
    """The client side of the server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def calls(self) -> list[Call]:
        """The calls since the last time, in their order."""
        with urllib.request.urlopen(self.url + CALLS, timeout=10) as answer:  # noqa: S310 - our own address
            return [(service, method, parameters) for service, method, parameters in json.load(answer)]

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which boto3 finds the server."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "secret"}


@contextmanager
def canned_aws() -> Iterator[CannedAwsClient]:
    """Serve until the context ends."""
    command = [sys.executable, "-m", "benchmarks.canned_aws"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - a fixed command
        try:
            assert process.stdout is not None
            yield CannedAwsClient(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


def main() -> None:
    """Print the port, and serve until the process is killed."""
    with CannedAws() as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
