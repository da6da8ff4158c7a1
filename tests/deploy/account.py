"""The resources of an AWS account, for tests that deploy to it."""

import json
from dataclasses import dataclass
from typing import Any

from tests.deploy.guarded_aws import GuardedAws

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "dummy", "AWS_SECRET_ACCESS_KEY": "dummy", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Account:
    """The simulated AWS, accessed with an access key that may do everything, unless a policy was granted to it."""

    aws: GuardedAws
    access_key: str = CREDENTIALS["AWS_ACCESS_KEY_ID"]

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which `make deploy` deploys to it."""
        return {**CREDENTIALS, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_ENDPOINT_URL": self.aws.url}

    def everything(self) -> dict[str, set[str]]:
        """The names of all deployed resources."""
        call = self.aws.client
        return {
            "functions": set(self.functions()),
            "roles": {role["RoleName"] for role in call("iam").list_roles()["Roles"]},
            "rules": set(self.rules()),
            "apis": {api["id"] for api in call("apigateway").get_rest_apis()["items"]},
            "logs": {group["logGroupName"] for group in call("logs").describe_log_groups()["logGroups"]},
            "tables": set(call("dynamodb").list_tables()["TableNames"]),
        }

    def functions(self) -> dict[str, Any]:
        """Lambda functions by name."""
        return {item["FunctionName"]: item for item in self.aws.client("lambda").list_functions()["Functions"]}

    def rules(self) -> dict[str, Any]:
        """EventBridge rules by name."""
        return {rule["Name"]: rule for rule in self.aws.client("events").list_rules()["Rules"]}

    def target(self, rule: str) -> str:
        """The ARN of the rule's one target."""
        [target] = self.aws.client("events").list_targets_by_rule(Rule=rule)["Targets"]
        return str(target["Arn"])

    def inline_policies(self, role: str) -> dict[str, Any]:
        """The documents of the role's inline policies; it must have no managed policies."""
        iam = self.aws.client("iam")
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}

    def invokers(self, function: str) -> list[tuple[str, str]]:
        """The services that may invoke the function, each with the ARN of its source."""
        client = self.aws.client("lambda")
        try:
            statements = json.loads(client.get_policy(FunctionName=function)["Policy"])["Statement"]
        except client.exceptions.ResourceNotFoundException:
            return []
        return sorted(
            (statement["Principal"]["Service"], next(iter(statement["Condition"]["ArnLike"].values())))
            for statement in statements
        )

    def routes(self, api: str) -> dict[str, dict[str, str]]:
        """For each path, its methods and their authorization types."""
        resources = self.aws.client("apigateway").get_resources(restApiId=api, embed=["methods"])["items"]
        return {
            resource["path"]: {
                name: method.get("authorizationType", "NONE") for name, method in resource["resourceMethods"].items()
            }
            for resource in resources
            if resource.get("resourceMethods")
        }
