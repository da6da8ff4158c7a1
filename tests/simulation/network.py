"""Between the app and the simulated AWS: calls take time and can fail, and the checker observes them."""

import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.domain.model import DatabaseRef, Kind
from tests.simulation.client import Call
from tests.simulation.faults import CALL_FAULTS, Fault, FaultInjector
from tests.simulation.refusals import refusal
from tests.simulation.scheduler import Killed, Scheduler, TaskOwner

_TIMEOUTS: Final = {"rds": 4.0, "dynamodb": 1.5, "cloudwatch": 2.0}
_DENIALS: Final = {"rds": "AccessDenied", "dynamodb": "AccessDeniedException", "cloudwatch": "AccessDenied"}
_THROTTLES: Final = {"rds": "Throttling", "dynamodb": "ThrottlingException", "cloudwatch": "Throttling"}
_ENDPOINT: Final = "https://aws.test"


@dataclass(eq=False)
class Invocation(TaskOwner):
    """One run of one Lambda function. Times are in seconds of the simulation."""

    function: str
    refs: tuple[DatabaseRef, ...]
    began: float
    limit: float
    killed: bool = False
    had_fault: bool = False
    activity_read_at: dict[DatabaseRef, float] = field(default_factory=dict)
    wrote_stop_intent: bool = False
    event_id: str | None = None
    rng: random.Random = field(default_factory=random.Random)
    unlogged: list[tuple[DatabaseRef, str]] = field(default_factory=list)


class Latency(Protocol):
    """How long calls take, and so the order in which concurrent calls take effect."""

    def before_call(self, call: Call) -> None:
        """The request travels to AWS."""

    def after_call(self) -> None:
        """The response travels back."""

    def pause(self, seconds: float) -> None:
        """The app waits, as with time.sleep."""


class CallObserver(Protocol):
    """Observes the calls of the app and their faults."""

    def on_call(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], answer: Any, error: ClientError | None
    ) -> None:
        """A call took effect, or the service refused it."""

    def on_fault(self, fault: Fault, refs: Iterable[DatabaseRef], invocation: Invocation | None) -> None:
        """A fault occurred that the app is not responsible for."""


class CallPoint(StrEnum):
    """A call of the app at which another operation can be triggered."""

    DESCRIBE = "describe"
    READ = "read"
    WRITE = "write"
    SET_STOP_INTENT = "set stop intent"
    RECHECK = "re-check before the stop"
    START = "start"
    STOP = "stop"


@dataclass
class Hook:
    """An action that follows the app's next call of this kind for this database, after a delay."""

    call_point: CallPoint
    ref: DatabaseRef
    action: Callable[[], None]
    delay: float


class Network:
    """Carries every call of the app."""

    def __init__(
        self,
        scheduler: Scheduler,
        faults: FaultInjector,
        latency: Latency,
        observer: CallObserver,
        refs: tuple[DatabaseRef, ...],
    ) -> None:
        self.hooks: list[Hook] = []
        self._scheduler = scheduler
        self._faults = faults
        self._latency = latency
        self._observer = observer
        self._refs = refs

    def __call__(self, call: Call, effect: Callable[[], Any]) -> Any:
        """The transport of SimulatedClient."""
        invocation = self._scheduler.current_owner
        assert isinstance(invocation, Invocation)
        refs = self._refs_of(call) or invocation.refs
        call_points = _call_points_of(call, invocation)
        if self.hooks:
            self._run_hooks(call_points, refs)
        self._latency.before_call(call)
        if self._scheduler.now - invocation.began > invocation.limit:
            self._report_fault(Fault.KILLED_BEFORE, invocation.refs, invocation)
            invocation.killed = True
            raise Killed
        fault = self._faults.draw(CALL_FAULTS, call.service)
        if fault is Fault.CONFLICT and call.operation != "TransactWriteItems":
            fault = None
        if fault is None:
            answer = self._apply(invocation, call, refs, effect)
        else:
            answer = self._apply_with_fault(fault, invocation, call, refs, effect)
        self._latency.after_call()
        return answer

    def _apply_with_fault(
        self, fault: Fault, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], effect: Callable[[], Any]
    ) -> Any:
        is_killed = fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER)
        self._report_fault(fault, invocation.refs if is_killed else refs, invocation)
        if fault in (Fault.THROTTLED, Fault.DENIED, Fault.CONFLICT):
            raise _refused(fault, call)
        if fault is Fault.UNREACHABLE:
            self._scheduler.sleep(1)
            raise EndpointConnectionError(endpoint_url=_ENDPOINT)
        if fault is Fault.SLOW:
            self._scheduler.sleep(_TIMEOUTS[call.service] * 0.9)
            return self._apply(invocation, call, refs, effect)
        if fault is not Fault.KILLED_BEFORE:
            with suppress(ClientError):  # the response is lost, also that of a refused call
                self._apply(invocation, call, refs, effect)
        if is_killed:
            invocation.killed = True
            raise Killed
        self._scheduler.sleep(_TIMEOUTS[call.service])
        if fault is Fault.RETRIED:
            return self._apply(invocation, call, refs, effect)
        assert fault is Fault.RESPONSE_LOST, f"{fault} is not a fault of a call"
        raise ReadTimeoutError(endpoint_url=_ENDPOINT)

    def _apply(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], effect: Callable[[], Any]
    ) -> Any:
        try:
            answer = effect()
        except ClientError as error:
            self._observer.on_call(invocation, call, refs, None, error)
            raise
        self._observer.on_call(invocation, call, refs, answer, None)
        return answer

    def _report_fault(self, fault: Fault, refs: tuple[DatabaseRef, ...], invocation: Invocation) -> None:
        invocation.had_fault = True
        self._observer.on_fault(fault, refs, invocation)

    def _run_hooks(self, call_points: tuple[CallPoint, ...], refs: tuple[DatabaseRef, ...]) -> None:
        for hook in [hook for hook in self.hooks if hook.call_point in call_points and hook.ref in refs]:
            self.hooks.remove(hook)
            self._scheduler.call_later(hook.delay, hook.action)

    def _refs_of(self, call: Call) -> tuple[DatabaseRef, ...]:
        request = call.request
        if call.operation == "TransactWriteItems":
            key = request["TransactItems"][0]["Update"]["Key"]["key"]["S"]
            return tuple(ref for ref in self._refs if key == f"rds_lifecycle/{ref.id}")
        if call.operation == "BatchGetItem":
            [asked] = request["RequestItems"].values()
            keys = {key["key"]["S"] for key in asked["Keys"]}
            return tuple(ref for ref in self._refs if f"rds_lifecycle/{ref.id}" in keys)
        for kind, parameter in _IDENTIFIERS:
            if database_id := request.get(parameter):
                return (DatabaseRef(kind, database_id),)
        return ()


_IDENTIFIERS: Final = ((Kind.INSTANCE, "DBInstanceIdentifier"), (Kind.CLUSTER, "DBClusterIdentifier"))


def _refused(fault: Fault, call: Call) -> ClientError:
    if fault is Fault.DENIED:
        return refusal(call.service, call.operation, _DENIALS[call.service], status=403)
    if fault is Fault.THROTTLED:
        return refusal(call.service, call.operation, _THROTTLES[call.service])
    codes = [{"Code": "TransactionConflict"}]
    return refusal(call.service, call.operation, "TransactionCanceledException", CancellationReasons=codes)


def _call_points_of(call: Call, invocation: Invocation) -> tuple[CallPoint, ...]:
    if call.operation.startswith("DescribeDB"):
        return (CallPoint.DESCRIBE,)
    if call.operation.startswith("StartDB"):
        return (CallPoint.START,)
    if call.operation.startswith("StopDB"):
        return (CallPoint.STOP,)
    if call.operation == "TransactWriteItems":
        values = call.request["TransactItems"][0]["Update"]["ExpressionAttributeValues"]
        invocation.wrote_stop_intent = ":stop_intent" in values
        return (CallPoint.WRITE, CallPoint.SET_STOP_INTENT) if invocation.wrote_stop_intent else (CallPoint.WRITE,)
    if call.operation == "BatchGetItem":
        return (CallPoint.READ, CallPoint.RECHECK) if invocation.wrote_stop_intent else (CallPoint.READ,)
    return ()


class RandomLatency:
    """Calls take some milliseconds, and one in twenty takes some hundred.

    Each invocation has its own random numbers, so that a step that is left out of a plan changes nothing else.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def before_call(self, call: Call) -> None:
        """The time of the request."""
        rng = self._invocation.rng
        self._scheduler.sleep(rng.expovariate(1 / 0.008) if rng.random() < 0.95 else 0.3)

    def after_call(self) -> None:
        """The time of the response."""
        self._scheduler.sleep(self._invocation.rng.expovariate(1 / 0.004))

    def pause(self, seconds: float) -> None:
        """In virtual time."""
        self._scheduler.sleep(seconds)

    @property
    def _invocation(self) -> Invocation:
        owner = self._scheduler.current_owner
        assert isinstance(owner, Invocation)
        return owner
