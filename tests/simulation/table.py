"""A simulated DynamoDB table, at the level of a boto3 client's calls. Consistent; each call is one indivisible step."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.expressions import Given, Item, condition, update
from tests.simulation.refusals import refusal

Watch = Callable[[str, Item | None, Item], None]
"""Told of every write: the key, the item before (None where there was none) and after."""


def _nobody(key: str, before: Item | None, after: Item) -> None:
    """Nobody watches."""


class SimulatedTable:
    """One table, partition key ``key``. Items are never changed in place, so what was read stays what it was."""

    def __init__(self, name: str, watch: Watch = _nobody) -> None:
        self.items: dict[str, Item] = {}
        self.name = name
        self._watch = watch
        self._transactions: set[str] = set()

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """At most 100 keys of this table, read consistently."""
        [(name, asked)] = RequestItems.items()
        self._must_exist(name, "BatchGetItem")
        keys = [key["key"]["S"] for key in asked["Keys"]]
        if len(keys) > 100 or len(set(keys)) < len(keys) or not asked.get("ConsistentRead"):
            raise refusal("dynamodb", "BatchGetItem", "ValidationException")
        return {"Responses": {name: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def get_item(self, TableName: str, Key: Item) -> dict[str, Any]:  # noqa: N803
        """One item."""
        self._must_exist(TableName, "GetItem")
        item = self.items.get(Key["key"]["S"])
        return {} if item is None else {"Item": item}

    def put_item(self, TableName: str, Item: Item) -> dict[str, Any]:  # noqa: N803
        """Write one item, whatever was there."""
        self._must_exist(TableName, "PutItem")
        self._write(Item["key"]["S"], Item)
        return {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Change one item, if its condition holds."""
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
        """Updates of several items, all of them or none. The same token again is the same transaction."""
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
        """Everything."""
        self._must_exist(TableName, "Scan")
        return {"Items": list(self.items.values())}

    def _updated(self, request: Mapping[str, Any]) -> tuple[str, Item | None]:
        """The item as it would be, None where the condition forbids it."""
        key: str = request["Key"]["key"]["S"]
        item = self.items.get(key, {})
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        given = Given(item, names, values)
        if "ConditionExpression" in request and not condition(request["ConditionExpression"])(given):
            return key, None
        return key, {"key": {"S": key}, **update(request["UpdateExpression"])(given)}

    def _write(self, key: str, after: Item) -> None:
        before = self.items.get(key)
        self.items[key] = after
        self._watch(key, before, after)

    def _must_exist(self, name: str, operation: str) -> None:
        if name != self.name:
            raise refusal("dynamodb", operation, "ResourceNotFoundException")
