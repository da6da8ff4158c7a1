"""Run after `make test`: checks that every module reaches its minimum branch coverage."""

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from coverage import Coverage

_FLOOR: Final = 95.0
_FLOORS: Final = {"chalicelib/domain/decision.py": 100.0}


def main() -> int:
    """Read the coverage data of the tests; 1 if any module is below its minimum."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        sys.stdout, out = io.StringIO(), sys.stdout
        try:
            coverage.json_report(outfile=str(report))
        finally:
            sys.stdout = out
        files = json.loads(report.read_text())["files"]
    low = [
        f"{name}: {found['summary']['percent_covered']:.1f} % branch coverage, {floor:g} % required"
        for name, found in files.items()
        if found["summary"]["percent_covered"] < (floor := _FLOORS.get(name, _FLOOR))
    ]
    for line in low:
        print(line, file=sys.stderr)
    if not low:
        print(f"All {len(files)} modules reach their minimum branch coverage.")
    return 1 if low or not files else 0


if __name__ == "__main__":
    sys.exit(main())
