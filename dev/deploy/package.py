"""`make package STAGE=…`: writes the zip and the SAM template, which includes the table, alarms and log groups."""

import json
import os
import sys
from pathlib import Path
from typing import Final

from chalicelib.settings import Settings
from dev.deploy.deploy import ChaliceFailed, chalice
from dev.deploy.findings import NotReady, print_notices
from dev.deploy.preflight import check_stage
from dev.deploy.sam_template import LONGEST_INTERVAL, build_template
from dev.stage import APP_NAME, ROOT, stage_argument

_NEXT: Final = """
Next, with the name of your S3 bucket for the zip:

    aws cloudformation package --template-file {sam} --s3-bucket <bucket> --output-template-file {out}
    aws cloudformation deploy --template-file {out} --stack-name {stack} --capabilities CAPABILITY_IAM \\
        --parameter-overrides AlarmEmail=<address>

Add CreateTable=false after --parameter-overrides if the table {table} exists already.\
"""


def package(stage: str) -> Path:
    """Write build/<stage>/sam.json and deployment.zip. Needs no credentials. Raises NotReady and ChaliceFailed."""
    settings, notices = check_stage(stage)
    print_notices(notices)
    check_interval(settings)
    folder = Path("build") / stage
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    merge = folder / "resources.json"
    (ROOT / merge).write_text(json.dumps(build_template(stage, settings), indent=2) + "\n")
    # Chalice requires a Region, although the template does not depend on it.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    chalice("package", "--stage", stage, "--merge-template", str(merge), str(folder))
    sam, out = folder / "sam.json", folder / "packaged.json"
    print(f"Wrote {sam} and {folder / 'deployment.zip'}.")
    print(_NEXT.format(sam=sam, out=out, stack=f"{APP_NAME}-{stage}", table=settings.metadata_table))
    return folder


def check_interval(settings: Settings) -> None:
    """Raises NotReady where the check interval is too long for the alarms."""
    if settings.check_interval > LONGEST_INTERVAL:
        most = int(LONGEST_INTERVAL.total_seconds() // 60)
        raise NotReady([f"CHECK_INTERVAL_MINUTES: alarms support intervals of up to {most} minutes."])


def main() -> int:
    """Package the stage that the command line names."""
    try:
        package(stage_argument("make package"))
    except (NotReady, ChaliceFailed) as error:
        print(f"make package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
