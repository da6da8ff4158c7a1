"""Chalice's command line with bytecode in its zips, and the settings that do not fit into the environment.

`python -m dev.deploy.chalice_cli deploy`
"""

import sys
from pathlib import Path

from chalice.cli import main
from chalice.config import Config
from chalice.deploy import deployer
from chalice.deploy.models import DeploymentPackage, LambdaFunction, Placeholder
from chalice.deploy.packager import LambdaDeploymentPackager

from dev.deploy.bytecode import add_bytecode
from dev.deploy.packaged_settings import add_settings, settings_to_move, without


class Packager(LambdaDeploymentPackager):
    """Creates the zip of `chalice deploy` and of `chalice package`."""

    def create_deployment_package(self, project_dir: str, python_version: str) -> str:
        """The path of the zip."""
        archive: str = super().create_deployment_package(project_dir, python_version)
        add_bytecode(Path(archive))
        return archive


class PackageStep(deployer.DeploymentPackager):
    """Adds the zip to the functions."""

    def handle_deploymentpackage(self, config: Config, resource: DeploymentPackage) -> None:
        """Set the path of the zip."""
        super().handle_deploymentpackage(config, resource)
        _complete(config, resource)

    def handle_lambdafunction(self, config: Config, resource: LambdaFunction) -> None:
        """Reduce the function's environment."""
        _reduce(config, resource)


class LayerStep(deployer.ManagedLayerDeploymentPackager):
    """The same for a stage with `automatic_layer`, whose zip has no requirements."""

    def handle_lambdafunction(self, config: Config, resource: LambdaFunction) -> None:
        """Set the path of the zip, once for all functions, and reduce the function's environment."""
        is_first = isinstance(resource.deployment_package.filename, Placeholder)
        super().handle_lambdafunction(config, resource)
        if is_first:
            _complete(config, resource.deployment_package)
        _reduce(config, resource)


def _complete(config: Config, package: DeploymentPackage) -> None:
    package.filename = str(add_settings(Path(str(package.filename)), settings_to_move(config.environment_variables)))


def _reduce(config: Config, function: LambdaFunction) -> None:
    moved = settings_to_move(config.environment_variables)
    function.environment_variables = without(function.environment_variables, moved)


if __name__ == "__main__":
    # Chalice has no settings for these; its deployer looks the classes up by their names.
    deployer.LambdaDeploymentPackager = Packager  # type: ignore[attr-defined]
    deployer.DeploymentPackager = PackageStep  # type: ignore[misc]
    deployer.ManagedLayerDeploymentPackager = LayerStep  # type: ignore[misc]
    sys.exit(main())
