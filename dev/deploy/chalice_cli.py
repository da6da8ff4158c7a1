"""Chalice's command line with bytecode in its zips: `python -m dev.deploy.chalice_cli deploy`."""

import sys
from pathlib import Path

from chalice.cli import main
from chalice.deploy import deployer
from chalice.deploy.packager import LambdaDeploymentPackager

from dev.deploy.bytecode import add_bytecode


class Packager(LambdaDeploymentPackager):
    """Creates the zip of `chalice deploy` and of `chalice package`."""

    def create_deployment_package(self, project_dir: str, python_version: str) -> str:
        """The path of the zip."""
        archive: str = super().create_deployment_package(project_dir, python_version)
        add_bytecode(Path(archive))
        return archive


if __name__ == "__main__":
    # Chalice has no setting for the packager; its deployer looks the class up by this name.
    deployer.LambdaDeploymentPackager = Packager  # type: ignore[attr-defined]
    sys.exit(main())
