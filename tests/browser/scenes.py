"""Every state that the page can show, brought about in the app itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tests.browser.screen import DASHBOARD, Screen
from tests.served import Served, serving
from tests.support import ANALYTICS, PROD, failing

URL: Final = f"/databases/{PROD.id}"
_CHECK: Final = 15


def lives(app: Served, days: int = 10) -> None:
    """Some days of ordinary use come to pass: mornings, some afternoons, nights, weekends, a hold."""
    world = app.world
    for day in range(days):
        begin = world.clock.now
        app.run_check()
        if begin.weekday() < 5:
            works(app, hours=2.5)
        if day % 3 == 0:
            works(app, hours=1)
        if day == 4:
            app.call("PUT", f"{URL}/hold", body=b'{"hours": 2}')
        world.clock.now = begin + timedelta(days=1)
    app.run_check()


def works(app: Served, hours: float) -> None:
    """Somebody wakes the database, queries it for so long, and leaves it to be stopped."""
    app.call("POST", f"{URL}/restart")
    pass_by(app, 5)
    for _ in range(round(hours * 60 / _CHECK)):
        app.world.report_query()
        pass_by(app, _CHECK)
    pass_by(app, 90, every=_CHECK)


def pass_by(app: Served, minutes: float, every: float | None = None) -> None:
    """Time passes, with a check at its end, or every so often."""
    for _ in range(1 if every is None else round(minutes / every)):
        app.world.clock.advance(every or minutes)
        app.run_check()


def awake(app: Served) -> None:
    app.call("POST", f"{URL}/restart")
    pass_by(app, 4)
    pass_by(app, 5)
    app.world.report_query()
    app.world.clock.advance(12)


def held(app: Served) -> None:
    awake(app)
    app.call("PUT", f"{URL}/hold", body=b'{"hours": 3}')


def waking(app: Served) -> None:
    app.call("POST", f"{URL}/restart")
    app.world.clock.advance(1.5)


def waking_for_long(app: Served) -> None:
    app.call("POST", f"{URL}/restart")
    app.world.simulated_rds.set_status(PROD.id, "starting")  # and there it stays
    app.world.clock.advance(9)


def dozing(app: Served) -> None:
    awake(app)
    app.world.clock.advance(55)
    app.run_check()
    app.world.clock.advance(1)


def queued(app: Served) -> None:
    dozing(app)
    app.call("POST", f"{URL}/restart")


def no_room(app: Served) -> None:
    with failing(app.world.rds, "StartDBInstance", "InsufficientDBInstanceCapacity"):
        app.call("POST", f"{URL}/restart")


def busy(app: Served) -> None:
    awake(app)
    app.world.simulated_rds.set_status(PROD.id, "maintenance")
    app.run_check()


def failed(app: Served) -> None:
    awake(app)
    app.world.simulated_rds.set_status(PROD.id, "storage-full")
    app.run_check()


def several(app: Served) -> None:
    awake(app)
    app.world.simulated_rds.set_status(ANALYTICS.id, "starting")


def nothing(_: Served) -> None:
    """It is as it was."""


@dataclass(frozen=True)
class Scene:
    """One state of the page: how the app comes to it, who looks, and what is seen at a glance."""

    name: str
    headline: str | None
    bring_about: Callable[[Served], None] = nothing
    role: str | None = "operator"
    databases: str = PROD.id
    environ: dict[str, str] = field(default_factory=lambda: {"DASHBOARD_URL": DASHBOARD, "HOURLY_COST_USD": "0.18"})

    @contextmanager
    def played(self) -> Iterator[Served]:
        """The app, come to this state after some days of use."""
        with serving(databases=self.databases, backend="simulated", **self.environ) as app:
            lives(app)
            self.bring_about(app)
            yield app

    def show(self, screen: Screen) -> None:
        """Open the page, and wait until all of it is there."""
        screen.open(self.role)
        if self.headline is not None:
            screen.page.get_by_role("heading", level=1, name=self.headline, exact=True).wait_for()
            screen.page.locator("#events li").first.wait_for()


SCENES: Final = (
    Scene("sign-in", None, role=None),
    Scene("asleep", "Asleep"),
    Scene("asleep-viewer", "Asleep", role="viewer"),
    Scene("waking", "Waking up", waking),
    Scene("waking-for-long", "Waking up", waking_for_long),
    Scene("waking-after-stop", "Waking up", queued),
    Scene("waking-without-room", "Waking up", no_room),
    Scene("awake", "Awake", awake),
    Scene("held", "Awake", held),
    Scene("dozing", "Going to sleep", dozing),
    Scene("busy", "Busy", busy),
    Scene("failed", "Needs a person", failed),
    Scene("several", "Awake", several, databases=f"{PROD.id},cluster:{ANALYTICS.id}"),
)

SHOWN: Final = {scene.name: scene for scene in SCENES}
"""By their names."""
