"""`make run POSTGRES=1`: open connections that nobody reports keep the database available."""

import time
from typing import Any

import psycopg

from dev.local.postgres import PASSWORD, USER
from tests.local.test_make_run import IDLE_SECONDS, QUICK, URL, Stack, free_ports, running
from tests.postgres import a_folder


def decisions(stack: Stack) -> list[str]:
    """The printed decisions about the database, as ``action (reason)``, each without its sentence."""
    marker = "decision  ss-financial-prod is running: "
    return [line.partition(marker)[2].partition(")")[0] + ")" for line in stack.output if marker in line]


def newest_datapoint(stack: Stack) -> list[float]:
    """The newest value of DatabaseConnections, if there is one."""
    metric: dict[str, Any] = {
        "Namespace": "AWS/RDS",
        "MetricName": "DatabaseConnections",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "ss-financial-prod"}],
    }
    [result] = stack.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "m0", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
        StartTime=time.time() - 3600,
        EndTime=time.time(),
    )["MetricDataResults"]
    return list(result["Values"][:1])


def test_session_that_reports_nothing__keeps_the_database_available_until_it_is_closed() -> None:
    [port, _] = free_ports()
    own: dict[str, str] = {"IDLE_MINUTES": str(IDLE_SECONDS / 60), "POSTGRES": "1", "POSTGRES_PORT": str(port)}
    with a_folder() as data, running(**{**QUICK, **own}, POSTGRES_DATA=str(data)) as stack:
        assert newest_datapoint(stack) == [], "a stopped database publishes nothing"
        stack.call("POST", f"{URL}/restart")
        stack.wait_for_status("available")
        with psycopg.connect(f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres", autocommit=True) as session:
            stack.wait_for_line("running: none (recent-activity). ")
            stack.wait_for(lambda _: newest_datapoint(stack) == [1], "the datapoint")
            stack.wait_for_line("running: none (unreported-connections). ")
            connected_at = time.monotonic()
            stack.wait_for(lambda _: time.monotonic() > connected_at + IDLE_SECONDS + 1, "another idle timeout")
            assert session.execute("select 'still there'").fetchone() == ("still there",)
            assert stack.database()["reason"] == "unreported-connections"
        closed_at = time.monotonic()
        stack.wait_for_line("running: stop (idle). ")
        stack.wait_for_line("RDS       ss-financial-prod: available → stopping")
        assert time.monotonic() > closed_at + IDLE_SECONDS
        stack.wait_for_status("stopped")
    assert stack.process.returncode == 0
    first = decisions(stack).index("none (recent-activity)")
    assert [reason for reason in decisions(stack)[first:] if reason != "none (metric-unknown)"] == [
        "none (recent-activity)",
        "none (unreported-connections)",
        "stop (idle)",
    ]
