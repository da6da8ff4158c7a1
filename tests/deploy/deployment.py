"""A running deployment: all functions of a template on a simulated AWS that checks their permissions."""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.settings import Settings
from dev.local.eventbridge import scheduled_event
from tests.deploy.api_gateway import Answer, ApiGateway
from tests.deploy.guarded_aws import GuardedAws, guarded_aws
from tests.deploy.lambda_runtime import PATIENCE, Function, Interpreter, running

NAMES = {
    "APIHandler": "api_handler",
    "Authorize": "authorize",
    "InactivityCheck": "inactivity_check",
    "DatabaseEvent": "database_event",
    "StartDatabase": "start_database",
    "WarmUp": "warm_up",
}
"""The functions by their logical IDs in the template."""


@dataclass
class Deployment:
    """All functions of the template, running on a simulated AWS that checks their permissions."""

    aws: GuardedAws
    settings: Settings
    functions: dict[str, Function]
    api: ApiGateway
    policies: dict[str, Any]

    def reset(self) -> None:
        """Stopped databases, an empty table and all permissions; the functions keep running."""
        self.aws.reset(self.settings)
        for name, policy in self.policies.items():
            self.aws.grant(_access_key(name), policy)
        for function in self.functions.values():
            function.lines.clear()

    def restart(self, path: str) -> Answer:
        """Request a restart."""
        return self.api.call("POST", f"{path}/restart")

    def show(self, path: str) -> dict[str, Any]:
        """The current state of a database."""
        shown: dict[str, Any] = self.api.call("GET", path, "viewer").body
        return shown

    def check(self) -> dict[str, dict[str, Any]]:
        """Invoke the schedule's function; its results by database."""
        answer = self.functions["inactivity_check"].invoke(scheduled_event(datetime.now(UTC)))
        return {result["database"]: result for result in answer["results"]}

    def deliver_events(self) -> list[tuple[str, str]]:
        """Invoke the event's function with each new RDS event; their types and ids."""
        events = self.aws.rds.take_events()
        for event in events:
            assert self.functions["database_event"].invoke(event) is None
        return [(event["detail-type"], event["detail"]["EventID"]) for event in events]

    def wait_for_events(self, *wanted: tuple[str, str]) -> None:
        """Deliver events until all of these were delivered."""
        seen: list[tuple[str, str]] = []
        self.wait_for(lambda: not set(wanted) - set(seen.__iadd__(self.deliver_events())), f"{wanted}, only {seen}")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, f"timeout while waiting for {what}"
            threading.Event().wait(0.1)


def _access_key(function: str) -> str:
    return f"KEY-OF-{function}"


def policy_of(template: Any, logical: str) -> Any:
    """The only inline policy of the function's own role."""
    role = template["Resources"][logical]["Properties"]["Role"]["Fn::GetAtt"][0]
    [policy] = template["Resources"][role]["Properties"]["Policies"]
    return copy.deepcopy(policy["PolicyDocument"])


@contextmanager
def run_deployment(template: Any, interpreter: Interpreter, settings: Settings) -> Iterator[Deployment]:
    """With the handlers, names, time limits, settings and permissions of the template."""
    # Long enough for what tests do while a database stops, also on a loaded machine.
    with guarded_aws(settings, seconds=5) as aws, ExitStack() as stack:
        functions, policies = {}, {}
        for logical, function in NAMES.items():
            properties = template["Resources"][logical]["Properties"]
            policies[function] = policy_of(template, logical)
            aws.grant(_access_key(function), policies[function])
            environ = {
                **properties["Environment"]["Variables"],
                "AWS_ENDPOINT_URL": aws.url,
                "AWS_ACCESS_KEY_ID": _access_key(function),
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_SESSION_TOKEN": "token",
            }
            name, handler = properties["FunctionName"], properties["Handler"]
            memory, timeout = properties["MemorySize"], properties["Timeout"]
            functions[function] = stack.enter_context(running(interpreter, name, handler, environ, memory, timeout))
        paths = list(template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"])
        api = ApiGateway(functions["api_handler"], functions["authorize"], paths)
        yield Deployment(aws, settings, functions, api, policies)
