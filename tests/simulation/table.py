"""A simulated DynamoDB table, at the level of a boto3 client's calls. Reads are consistent, and each call is atomic."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.expressions import Context, Item, condition, update
from tests.simulation.refusals import refusal

OnWrite = Callable[[str, Item | None, Item], None]
"""Called after every write: the key, the item before (None where there was none) and after."""


def _ignore(key: str, before: Item | None, after: Item) -> None:
    """Does nothing."""


class SimulatedTable:
    """One table, partition key ``key``. Items are never changed in place, so what was read does not change later."""

    def __init__(self, name: str, on_write: OnWrite = _ignore) -> None:
        self.items: dict[str, Item] = {}
        self.name = name
        self._on_write = on_write
        self._transactions: set[str] = set()

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """At most 100 keys of this table, read consistently."""
        [(name, requested)] = RequestItems.items()
        self._must_exist(name, "BatchGetItem")
        keys = [key["key"]["S"] for key in requested["Keys"]]
        if len(keys) > 100 or len(set(keys)) < len(keys) or not requested.get("ConsistentRead"):
            raise refusal("dynamodb", "BatchGetItem", "ValidationException")
        return {"Responses": {name: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def get_item(self, TableName: str, Key: Item) -> dict[str, Any]:  # noqa: N803
        """One item."""
        self._must_exist(TableName, "GetItem")
        item = self.items.get(Key["key"]["S"])
        return {} if item is None else {"Item": item}

    def put_item(self, TableName: str, Item: Item) -> dict[str, Any]:  # noqa: N803
        """Write one item and replace an existing one."""
        self._must_exist(TableName, "PutItem")
        self._write(Item["key"]["S"], Item)
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Update one item if its condition holds."""
        self._must_exist(request["TableName"], "UpdateItem")
        key, after = self._updated(request)
        if after is None:
            raise refusal("dynamodb", "UpdateItem", "ConditionalCheckFailedException")
        self._write(key, after)
        return {}

    def transact_write_items(
        self,
        TransactItems: list[Any],  # noqa: N803
        ClientRequestToken: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Update several items or none. A second request with the same token has no effect."""
        for step in TransactItems:
            self._must_exist(step["Update"]["TableName"], "TransactWriteItems")
        if ClientRequestToken is not None and ClientRequestToken in self._transactions:
            return {}
        wanted = [self._updated(step["Update"]) for step in TransactItems]
        if len({key for key, _ in wanted}) < len(wanted):
            raise refusal("dynamodb", "TransactWriteItems", "ValidationException")
        if any(after is None for _, after in wanted):
            codes = [{"Code": "ConditionalCheckFailed" if after is None else "None"} for _, after in wanted]
            raise refusal("dynamodb", "TransactWriteItems", "TransactionCanceledException", CancellationReasons=codes)
        for key, after in wanted:
            assert after is not None
            self._write(key, after)
        if ClientRequestToken is not None:
            self._transactions.add(ClientRequestToken)
        return {}

    def scan(self, TableName: str) -> dict[str, Any]:  # noqa: N803
        """All items."""
        self._must_exist(TableName, "Scan")
        return {"Items": list(self.items.values())}

    def _updated(self, request: Mapping[str, Any]) -> tuple[str, Item | None]:
        """The item after the update; None where the condition does not hold."""
        key: str = request["Key"]["key"]["S"]
        item = self.items.get(key, {})
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        context = Context(item, names, values)
        if "ConditionExpression" in request and not condition(request["ConditionExpression"])(context):
            return key, None
        return key, {"key": {"S": key}, **update(request["UpdateExpression"])(context)}

    def _write(self, key: str, after: Item) -> None:
        before = self.items.get(key)
        self.items[key] = after
        self._on_write(key, before, after)

    def _must_exist(self, name: str, operation: str) -> None:
        if name != self.name:
            raise refusal("dynamodb", operation, "ResourceNotFoundException")
