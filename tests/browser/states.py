"""Every state that the page can show, and how the app gets there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import pytest

from chalicelib.service.lifecycle import CheckFailed
from tests.browser.tab import DASHBOARD, Tab
from tests.served import Served, serving
from tests.support import ANALYTICS, PROD, failing

URL: Final = f"/databases/{PROD.id}"
_CHECK_INTERVAL: Final = 15


def use_for_days(app: Served, days: int = 10) -> None:
    """Let some days of ordinary use pass: mornings, some afternoons, weekends, one hold."""
    world = app.world
    for day in range(days):
        begin = world.clock.now
        app.run_check()
        if begin.weekday() < 5:
            use_for_hours(app, 2.5)
        if day % 3 == 0:
            use_for_hours(app, 1)
        if day == 4:
            app.call("PUT", f"{URL}/hold", body=b'{"hours": 2}')
        world.clock.now = begin + timedelta(days=1)
    app.run_check()


def use_for_hours(app: Served, hours: float) -> None:
    """Start the database, query it for some hours, and wait until it is stopped."""
    app.call("POST", f"{URL}/restart")
    pass_minutes(app, 5)
    for _ in range(round(hours * 60 / _CHECK_INTERVAL)):
        app.world.report_query()
        pass_minutes(app, _CHECK_INTERVAL)
    pass_minutes(app, 90, check_interval=_CHECK_INTERVAL)


def pass_minutes(app: Served, minutes: float, check_interval: float | None = None) -> None:
    """Let time pass, with one check at its end or with checks at an interval."""
    for _ in range(1 if check_interval is None else round(minutes / check_interval)):
        app.world.clock.advance(check_interval or minutes)
        app.run_check()


def make_available(app: Served) -> None:
    app.call("POST", f"{URL}/restart")
    pass_minutes(app, 4)
    pass_minutes(app, 5)
    app.world.report_query()
    app.world.clock.advance(12)


def make_held(app: Served) -> None:
    make_available(app)
    app.call("PUT", f"{URL}/hold", body=b'{"hours": 3}')


def make_starting(app: Served) -> None:
    app.call("POST", f"{URL}/restart")
    app.world.clock.advance(1.5)


def make_start_slow(app: Served) -> None:
    app.call("POST", f"{URL}/restart")
    app.world.simulated_rds.set_status(PROD.id, "starting")  # and no transition follows
    app.world.clock.advance(9)


def make_stopping(app: Served) -> None:
    make_available(app)
    app.world.clock.advance(55)
    app.run_check()
    app.world.clock.advance(1)


def request_restart_while_stopping(app: Served) -> None:
    make_stopping(app)
    app.call("POST", f"{URL}/restart")


def request_restart_without_capacity(app: Served) -> None:
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        app.call("POST", f"{URL}/restart")


def make_busy(app: Served) -> None:
    make_available(app)
    app.world.simulated_rds.set_status(PROD.id, "maintenance")
    app.run_check()


def make_failed(app: Served) -> None:
    make_available(app)
    app.world.simulated_rds.set_status(PROD.id, "storage-full")
    app.run_check()


def make_connected_without_reports(app: Served) -> None:
    """Connections stay open, and the last report of a query is a month old."""
    app.world.report_query(app.world.clock.now - timedelta(days=31))
    app.call("POST", f"{URL}/restart")
    pass_minutes(app, 9)
    app.world.set_connections(4)
    pass_minutes(app, 90, check_interval=_CHECK_INTERVAL)
    app.world.clock.advance(3)


def make_disconnected_without_reports(app: Served) -> None:
    make_connected_without_reports(app)
    app.world.set_connections(0)
    app.world.clock.advance(20)


def make_metric_unknown(app: Served) -> None:
    make_connected_without_reports(app)
    app.world.set_connections(None)
    pass_minutes(app, 75, check_interval=_CHECK_INTERVAL)


def make_unstoppable(app: Served) -> None:
    make_available(app)
    app.world.rds.create_db_instance_read_replica(
        DBInstanceIdentifier="a-replica", SourceDBInstanceIdentifier=PROD.id, DBInstanceClass="db.t4g.micro"
    )
    app.world.clock.advance(60)
    with pytest.raises(CheckFailed):
        app.run_check()


def make_modification_wait(app: Served) -> None:
    make_available(app)
    app.world.simulated_rds.databases[PROD].pending_modifications = ("DBInstanceClass",)
    pass_minutes(app, 60)


def make_recoverable(app: Served) -> None:
    """A failed database that RDS starts once the cause is fixed."""
    make_available(app)
    app.world.simulated_rds.set_status(PROD.id, "incompatible-network")
    app.run_check()


def replace_database(app: Served) -> None:
    make_available(app)
    app.world.simulated_rds.replace(PROD)
    pass_minutes(app, 18, check_interval=3)


def make_second_database_start(app: Served) -> None:
    make_available(app)
    app.world.simulated_rds.set_status(ANALYTICS.id, "starting")


def change_nothing(_: Served) -> None:
    """The database stays stopped."""


@dataclass(frozen=True)
class PageState:
    """One state of the page: what leads to it, the role that sees it, and the headline that it shows."""

    name: str
    headline: str | None
    prepare: Callable[[Served], None] = change_nothing
    role: str | None = "operator"
    databases: str = PROD.id
    environ: dict[str, str] = field(default_factory=lambda: {"DASHBOARD_URL": DASHBOARD, "HOURLY_COST_USD": "0.18"})

    @contextmanager
    def served(self) -> Iterator[Served]:
        """Serve the app in this state, after some days of use."""
        with serving(databases=self.databases, backend="simulated", **self.environ) as app:
            if self.role is not None:
                use_for_days(app)
            self.prepare(app)
            yield app

    def show(self, tab: Tab) -> None:
        """Open the page, and wait until all of it is shown."""
        tab.open(self.role)
        if self.headline is not None:
            tab.page.get_by_role("heading", level=1, name=self.headline, exact=True).wait_for()
            tab.page.locator("#events li").first.wait_for()


PAGE_STATES: Final = (
    PageState("sign-in", None, role=None),
    PageState("asleep", "Asleep"),
    PageState("asleep-viewer", "Asleep", role="viewer"),
    PageState("waking", "Waking up", make_starting),
    PageState("waking-slowly", "Waking up", make_start_slow),
    PageState("waking-after-stop", "Waking up", request_restart_while_stopping),
    PageState("waking-without-capacity", "Waking up", request_restart_without_capacity),
    PageState("awake", "Awake", make_available),
    PageState("held", "Awake", make_held),
    PageState("going-to-sleep", "Going to sleep", make_stopping),
    PageState("busy", "Busy", make_busy),
    PageState("failed", "Action required", make_failed),
    PageState("recoverable", "Action required", make_recoverable),
    PageState("connected-without-reports", "Awake", make_connected_without_reports),
    PageState("disconnected-without-reports", "Awake", make_disconnected_without_reports),
    PageState("metric-unknown", "Awake", make_metric_unknown),
    PageState("unstoppable", "Awake", make_unstoppable),
    PageState("modification-waits", "Awake", make_modification_wait),
    PageState("replaced", "Awake", replace_database),
    PageState("several", "Awake", make_second_database_start, databases=f"{PROD.id},cluster:{ANALYTICS.id}"),
)

PAGE_STATE: Final = {state.name: state for state in PAGE_STATES}
