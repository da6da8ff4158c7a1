"""Between the app and the simulated AWS: calls take time, go wrong, and are seen by the judge."""

import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.domain.model import DatabaseRef, Kind
from tests.simulation.client import Call
from tests.simulation.clockwork import Clockwork, Killed, Owner
from tests.simulation.refusals import refusal
from tests.simulation.weather import OF_CALLS, Fault, Weather

_TIMEOUTS: Final = {"rds": 4.0, "dynamodb": 1.5, "cloudwatch": 2.0}
_DENIALS: Final = {"rds": "AccessDenied", "dynamodb": "AccessDeniedException", "cloudwatch": "AccessDenied"}
_THROTTLES: Final = {"rds": "Throttling", "dynamodb": "ThrottlingException", "cloudwatch": "Throttling"}
_ENDPOINT: Final = "https://aws.test"


@dataclass(eq=False)
class Invocation(Owner):
    """One run of one Lambda function. Times in seconds of the simulation."""

    function: str
    refs: tuple[DatabaseRef, ...]
    began: float
    limit: float
    killed: bool = False
    disturbed: bool = False
    looked_at: dict[DatabaseRef, float] = field(default_factory=dict)
    metric: dict[DatabaseRef, list[tuple[float, float]]] = field(default_factory=dict)
    is_fencing: bool = False
    chance: random.Random = field(default_factory=random.Random)
    unlogged: list[tuple[DatabaseRef, str]] = field(default_factory=list)


class Pace(Protocol):
    """How long calls are on their way, and so which of several comes first."""

    def there(self) -> None:
        """The call travels to AWS."""

    def back(self) -> None:
        """The answer travels back."""

    def pause(self, seconds: float) -> None:
        """The app waits, as with time.sleep."""


class Witness(Protocol):
    """Whoever wants to know what happens on the wire."""

    def called(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], answer: Any, error: ClientError | None
    ) -> None:
        """A call took effect, or was refused by the service."""

    def disturbed(self, fault: Fault, refs: Iterable[DatabaseRef], invocation: Invocation | None) -> None:
        """Something went wrong, which is nobody's fault here."""


class Moment(StrEnum):
    """A call of the app in the middle of which something else may happen."""

    DESCRIBE = "describe"
    READ = "read"
    WRITE = "write"
    FENCE = "raise the fence"
    SECOND_LOOK = "second look"
    START = "start"
    STOP = "stop"


@dataclass
class Ambush:
    """What somebody does right when the app makes this call for this database."""

    moment: Moment
    ref: DatabaseRef
    deed: Callable[[], None]
    after: float


class Network:
    """Carries every call of the app."""

    def __init__(
        self,
        clockwork: Clockwork,
        weather: Weather,
        pace: Pace,
        apply_observation: Witness,
        refs: tuple[DatabaseRef, ...],
    ) -> None:
        self.ambushes: list[Ambush] = []
        self._clockwork = clockwork
        self._weather = weather
        self._pace = pace
        self._witness = apply_observation
        self._refs = refs

    def __call__(self, call: Call, effect: Callable[[], Any]) -> Any:
        """The wire of SimulatedClient."""
        invocation = self._clockwork.owner
        assert isinstance(invocation, Invocation)
        refs = self._refs_of(call) or invocation.refs
        self._spring_ambushes(_moments_of(call, invocation), refs)
        self._pace.there()
        if self._clockwork.now - invocation.began > invocation.limit:
            self._strike(Fault.KILLED_BEFORE, invocation.refs, invocation)
            invocation.killed = True
            raise Killed
        fault = self._weather.strikes(OF_CALLS, call.service)
        if fault is Fault.CONFLICT and call.operation != "TransactWriteItems":
            fault = None
        if fault is None:
            answer = self._apply(invocation, call, refs, effect)
        else:
            answer = self._go_wrong(fault, invocation, call, refs, effect)
        self._pace.back()
        return answer

    def _go_wrong(
        self, fault: Fault, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], effect: Callable[[], Any]
    ) -> Any:
        killed = fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER)
        self._strike(fault, invocation.refs if killed else refs, invocation)
        if fault in (Fault.THROTTLED, Fault.DENIED, Fault.CONFLICT):
            raise _refused(fault, call)
        if fault is Fault.UNREACHABLE:
            self._clockwork.sleep(1)
            raise EndpointConnectionError(endpoint_url=_ENDPOINT)
        if fault is Fault.SLOW:
            self._clockwork.sleep(_TIMEOUTS[call.service] * 0.9)
            return self._apply(invocation, call, refs, effect)
        if fault is not Fault.KILLED_BEFORE:
            self._carry_out_unheard(invocation, call, refs, effect)
        if killed:
            invocation.killed = True
            raise Killed
        self._clockwork.sleep(_TIMEOUTS[call.service])
        if fault is Fault.TRIED_TWICE:
            return self._apply(invocation, call, refs, effect)
        assert fault is Fault.ANSWER_LOST, f"{fault} is none of a call"
        raise ReadTimeoutError(endpoint_url=_ENDPOINT)

    def _apply(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], effect: Callable[[], Any]
    ) -> Any:
        try:
            answer = effect()
        except ClientError as error:
            self._witness.called(invocation, call, refs, None, error)
            raise
        self._witness.called(invocation, call, refs, answer, None)
        return answer

    def _carry_out_unheard(
        self, invocation: Invocation, call: Call, refs: tuple[DatabaseRef, ...], effect: Callable[[], Any]
    ) -> None:
        with suppress(ClientError):  # a refusal is not heard either
            self._apply(invocation, call, refs, effect)

    def _strike(self, fault: Fault, refs: tuple[DatabaseRef, ...], invocation: Invocation) -> None:
        invocation.disturbed = True
        self._witness.disturbed(fault, refs, invocation)

    def _spring_ambushes(self, moments: tuple[Moment, ...], refs: tuple[DatabaseRef, ...]) -> None:
        for ambush in [a for a in self.ambushes if a.moment in moments and a.ref in refs]:
            self.ambushes.remove(ambush)
            self._clockwork.later(ambush.after, ambush.deed)

    def _refs_of(self, call: Call) -> tuple[DatabaseRef, ...]:
        request = call.request
        for kind in Kind:
            if database_id := request.get(f"DB{kind.capitalize()}Identifier"):
                return (DatabaseRef(kind, database_id),)
        if call.operation == "TransactWriteItems":
            key = request["TransactItems"][0]["Update"]["Key"]["key"]["S"]
            return tuple(ref for ref in self._refs if key == f"rds_lifecycle/{ref.id}")
        if call.operation == "BatchGetItem":
            [asked] = request["RequestItems"].values()
            keys = {key["key"]["S"] for key in asked["Keys"]}
            return tuple(ref for ref in self._refs if f"rds_lifecycle/{ref.id}" in keys)
        return ()


def _refused(fault: Fault, call: Call) -> ClientError:
    if fault is Fault.DENIED:
        return refusal(call.service, call.operation, _DENIALS[call.service], status=403)
    if fault is Fault.THROTTLED:
        return refusal(call.service, call.operation, _THROTTLES[call.service])
    codes = [{"Code": "TransactionConflict"}]
    return refusal(call.service, call.operation, "TransactionCanceledException", CancellationReasons=codes)


def _moments_of(call: Call, invocation: Invocation) -> tuple[Moment, ...]:
    if call.operation.startswith("DescribeDB"):
        return (Moment.DESCRIBE,)
    if call.operation.startswith("StartDB"):
        return (Moment.START,)
    if call.operation.startswith("StopDB"):
        return (Moment.STOP,)
    if call.operation == "TransactWriteItems":
        invocation.is_fencing = ":stop_intent" in call.request["TransactItems"][0]["Update"]["ExpressionAttributeValues"]
        return (Moment.WRITE, Moment.FENCE) if invocation.is_fencing else (Moment.WRITE,)
    if call.operation == "BatchGetItem":
        return (Moment.READ, Moment.SECOND_LOOK) if invocation.is_fencing else (Moment.READ,)
    return ()


class Random:
    """Calls take some milliseconds, now and then some hundred.

    Each invocation has its own chance, so that what is left out of a plan changes nothing else.
    """

    def __init__(self, clockwork: Clockwork) -> None:
        self._clockwork = clockwork

    def there(self) -> None:
        """Half of the time that a call takes."""
        chance = self._invocation.chance
        self._clockwork.sleep(chance.expovariate(1 / 0.008) if chance.random() < 0.95 else 0.3)

    def back(self) -> None:
        """The other half."""
        self._clockwork.sleep(self._invocation.chance.expovariate(1 / 0.004))

    def pause(self, seconds: float) -> None:
        """In virtual time."""
        self._clockwork.sleep(seconds)

    @property
    def _invocation(self) -> Invocation:
        owner = self._clockwork.owner
        assert isinstance(owner, Invocation)
        return owner
