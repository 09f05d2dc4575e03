"""What people do in Odoo's own calendar, kind by kind: it stands at Google once, as one
thing, and the records stay what they are.

The laws about both sides are those of :mod:`.histories`; here each kind has its few
steps, and what else can be seen of it at Google.
"""

from odoo.tests import tagged

from .google_case import needs_simulator
from .histories import Steps
from .test_sync_screens import ScreensCase

SERIES = {"rule": "daily", "end": "count", "count": 3}


@tagged("post_install", "-at_install")
@needs_simulator
class TestSyncScreensKinds(ScreensCase):
    def live(self, *steps, **begin):
        """Do these things, come to rest, and look at what ann has at Google."""
        self.steps = Steps(self)
        self.steps.do(("begin", begin))
        for name, *values in steps:
            self.steps.do((name, values[0] if values else {}))
        self.steps.come_to_rest()

    def at_google(self, calendar, deleted=False):
        items = self.sim.list_events("ann@example.com", calendar, showDeleted=deleted)
        return [item for item in items if "recurringEventId" not in item]

    def home(self):
        return self.at_google("odoo-ann@example.com")

    def primary(self):
        return self.at_google("ann@example.com")

    def events(self):
        return self.steps.events("ann").sorted("start")

    # ------------------------------------------------------------ made as a series

    def test_a_series_stands_once_whatever_its_rule(self):
        for rule in (
            "daily",
            "weekly on three days",
            "monthly by date",
            "monthly on the first",
            "monthly by day",
            "yearly",
        ):
            for days in (0, 1, 3):
                with self.subTest(rule=rule, days=days), Steps(self).world() as steps:
                    steps.do(("begin", {}))
                    series = {**SERIES, "rule": rule}
                    steps.do(("make", {"who": "ann", "days": days, **series}))
                    steps.come_to_rest()
                    [master] = self.home()
                    self.assertIn("recurrence", master)

    def test_an_occurrence_of_another_kind_stops_nothing(self):
        self.live(
            ("make", {"who": "ann", **SERIES}),
            ("make_allday", {"who": "ann", "pick": 1, "scope": "self_only"}),
        )
        self.assertEqual(len(self.home()), 1)

    # ------------------------------------------------------------ to a series and back

    def test_a_meeting_that_becomes_a_series_becomes_one_in_its_place(self):
        for days in (0, 1):
            with self.subTest(days=days), Steps(self).world():
                self.live(("make", {"who": "ann", "days": days}))
                [before] = self.home()
                event = self.events()
                self.steps.do(("repeat", {"who": "ann", "pick": 0, **SERIES}))
                self.steps.come_to_rest()
                [after] = self.home()
                self.assertEqual(after["id"], before["id"])
                self.assertIn("recurrence", after)
                self.assertEqual(self.events()[0], event)

    def test_an_imported_meeting_that_becomes_a_series_stays_at_home(self):
        self.live(("make_there", {"who": "ann", "day": 1}))
        [before] = self.primary()
        self.steps.do(("repeat", {"who": "ann", "pick": 0, **SERIES}))
        self.steps.come_to_rest()
        [after] = self.primary()
        self.assertEqual(after["id"], before["id"])
        self.assertIn("recurrence", after)
        self.assertFalse(self.home())

    def test_a_shared_meeting_that_becomes_a_series_is_no_second_one_for_its_guest(
        self,
    ):
        self.live(("make_there", {"who": "ann", "day": 1, "guest": True}))
        self.steps.do(("repeat", {"who": "ann", "pick": 0, **SERIES}))
        self.steps.come_to_rest()
        self.assertEqual(len(self.primary()), 1)
        self.assertFalse(self.home())
        self.assertEqual(len(self.events()), 3)

    def test_a_series_that_stops_repeating_is_a_meeting_in_its_place(self):
        for pick, days in ((0, 0), (1, 0), (2, 1)):
            with self.subTest(pick=pick, days=days), Steps(self).world():
                self.live(("make", {"who": "ann", "days": days, **SERIES}))
                [before] = self.home()
                event = self.events()[pick]
                stop = {"who": "ann", "pick": pick, "scope": "all_events"}
                self.steps.do(("stop_repeating", stop))
                self.steps.come_to_rest()
                [after] = self.home()
                self.assertEqual(after["id"], before["id"])
                self.assertNotIn("recurrence", after)
                self.assertEqual(self.events(), event)

    def test_one_that_stops_repeating_here_and_is_changed_there_converges(self):
        self.live(("make", {"who": "ann", **SERIES}), read=True)
        stop = {"who": "ann", "pick": 0, "scope": "all_events"}
        self.steps.do(("stop_repeating", stop))
        self.steps.do(("rename_there", {"who": "ann", "pick": 0}))
        self.steps.come_to_rest()

    # ------------------------------------------------------------ a series changed

    def test_a_series_made_allday_is_allday_there_and_back(self):
        self.live(("make", {"who": "ann", **SERIES}))
        [before] = self.home()
        whole = {"who": "ann", "pick": 1, "scope": "all_events"}
        for step, kind in (("make_allday", "date"), ("make_timed", "dateTime")):
            self.steps.do((step, whole))
            self.steps.come_to_rest()
            [after] = self.home()
            self.assertIn(kind, after["start"])
            self.assertEqual(after["id"], before["id"])

    def test_another_rule_or_time_is_a_change_of_the_same_series(self):
        self.live(("make", {"who": "ann", **SERIES}))
        [before] = self.home()
        whole = {"who": "ann", "pick": 0, "scope": "all_events"}
        for step in (
            ("another_rule", {**whole, **SERIES, "rule": "weekly on three days"}),
            ("reschedule", {**whole, "hours": 2}),
            ("another_count", {**whole, "count": 5}),
        ):
            self.steps.do(step)
            self.steps.come_to_rest()
            [after] = self.home()
            self.assertEqual(after["id"], before["id"])

    def test_an_exception_gets_what_the_new_rule_gives_it(self):
        """Odoo makes the occurrences anew; what Google has kept of the old ones is
        none of them."""
        one = {"who": "ann", "pick": 2, "scope": "self_only"}
        self.live(
            ("make", {"who": "ann", **SERIES}),
            ("run",),
            ("place", one),
            ("run",),
            (
                "another_count",
                {"who": "ann", "pick": 0, "scope": "all_events", "count": 5},
            ),
        )
        self.assertEqual(len(self.home()), 1)

    def test_an_occurrence_whose_place_comes_back_stands_there(self):
        whole = {"who": "ann", "pick": 0, "scope": "all_events"}
        self.live(
            ("make", {"who": "ann", **SERIES}),
            ("run",),
            ("place", {"who": "ann", "pick": 1, "scope": "self_only"}),
            ("run",),
            ("another_rule", {**whole, **SERIES, "rule": "every other day"}),
            ("run",),
            ("another_rule", {**whole, **SERIES}),
        )

    def test_the_echo_of_a_write_makes_nothing_anew(self):
        """What left a series in Odoo after it was written comes with the next listing
        once more, as an occurrence of the series as it was."""
        following = {"who": "ann", "pick": 1, "scope": "future_events"}
        self.live(
            ("make", {"who": "ann", **SERIES}),
            ("run",),
            ("make_allday", following),
            read=True,
        )

    def test_a_run_killed_between_plan_and_write_archives_nothing(self):
        whole = {"who": "ann", "pick": 0, "scope": "all_events"}
        for step in range(1, 8):
            with self.subTest(step=step), Steps(self).world():
                self.live(
                    ("make", {"who": "ann", **SERIES}),
                    ("run",),
                    ("another_rule", {**whole, **SERIES, "rule": "weekly"}),
                    ("run_killed", {"step": step}),
                    read=True,
                )
