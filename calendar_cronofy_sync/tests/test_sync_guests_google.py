"""Whom Google names, and whom it keeps to itself: the guests as a copy shows them."""

from odoo.tests import tagged

from ..calsync.values import Fields, RemoteEvent
from .google_case import GoogleCase, needs_simulator

ANN = "ann@example.com"
BOSS = "boss@customer.example"


@needs_simulator
@tagged("post_install", "-at_install")
class TestSyncGuestsGoogle(GoogleCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.server.add_account(BOSS)

    def contacts(self, *emails):
        return self.env["res.partner"].create(
            [{"name": email, "email": email} for email in emails]
        )

    def invite(self, owner, *guests):
        """An appointment at Google with these guests, and its copy in Odoo."""
        remote = self.server.put(
            owner, self.entered(*(self.person(guest) for guest in guests))
        )
        self.sync()
        return self.event_of(remote, ANN), remote

    def entered(self, *attendees):
        return RemoteEvent(
            remote_id=f"event{next(self.numbers)}",
            fields=Fields(name="Lunch", when=self.at()),
            attendees=attendees,
        )

    def shown(self, remote, **fields):
        """From now on Google shows the copy of Ann like this."""
        self.sim.plant_event(ANN, remote.remote_id, fields)

    def test_nobody_leaves_because_the_list_of_guests_is_cut(self):
        """Google Calendar API, Events: attendeesOmitted."""
        guests = self.contacts("carl@example.com", "dora@example.com")
        event, remote = self.invite(ANN, ANN, *guests.mapped("email"))
        everybody = self.ann.partner_id | guests
        self.assertEqual(event.partner_ids, everybody)
        me = {"email": ANN, "self": True, "responseStatus": "tentative"}
        self.shown(remote, attendees=[me], attendeesOmitted=True)
        self.sync()
        self.assertEqual(event.partner_ids, everybody)
        self.assertQuiet()
        # whole again, and one has left meanwhile
        carl = {"email": "carl@example.com", "responseStatus": "accepted"}
        self.shown(remote, attendees=[me, carl])
        self.sync()
        self.assertEqual(event.partner_ids, self.ann.partner_id | guests[0])
        self.assertQuiet()

    def test_nobody_leaves_because_guests_may_not_see_each_other(self):
        """Google Calendar API, Events: guestsCanSeeOtherGuests."""
        carl = self.contacts("carl@example.com")
        event, remote = self.invite(BOSS, ANN, carl.email)
        self.assertEqual(event.partner_ids, self.ann.partner_id | carl)
        self.sim.patch_event(BOSS, remote.remote_id, {"guestsCanSeeOtherGuests": False})
        copy = self.sim.get_event(ANN, remote.remote_id)
        self.assertEqual([row["email"] for row in copy["attendees"]], [ANN])
        self.sync()
        self.assertEqual(event.partner_ids, self.ann.partner_id | carl)
        self.assertQuiet()


ALIAS, BOB = "ann.alias@example.com", "bob@example.com"


@needs_simulator
@tagged("post_install", "-at_install")
class TestSyncAliasesGoogle(GoogleCase):
    """Google Calendar API, Events: attendees[].self, organizer.self."""

    def setUp(self):
        super().setUp()
        self.at_ann, self.at_bob = self.connect(self.ann), self.connect(self.bob)

    def copy_of(self, owner, calendar, uid="one"):
        """One copy of a meeting with Ann's alias, as Google shows it."""
        remote = self.server.put(
            calendar,
            RemoteEvent(
                remote_id=f"event{next(self.numbers)}",
                fields=Fields(name="Lunch", when=self.at()),
            ),
        )
        rows = [{"email": p, "responseStatus": "accepted"} for p in (ALIAS, BOB)]
        for row in rows:
            row.update({"self": True} if row["email"] == owner else {})
        shown = {
            "iCalUID": f"{uid}@meeting",
            "organizer": {"email": BOSS},
            "attendees": rows,
        }
        self.sim.plant_event(calendar, remote.remote_id, shown)
        return remote

    def test_an_address_that_google_marks_as_the_owners_is_theirs(self):
        mine = self.copy_of(ALIAS, ANN)
        theirs = self.copy_of(BOB, BOB)
        self.sync()
        event = self.event_of(mine, ANN)
        self.assertEqual(self.event_of(theirs, BOB), event)
        self.assertEqual(event.partner_ids, (self.ann | self.bob).partner_id)
        self.assertQuiet()

    def test_the_mark_counts_whoever_is_read_first(self):
        for uid, later in (("one", self.at_ann), ("two", self.at_bob)):
            with self.subTest(later=later.email):
                mine = self.copy_of(ALIAS, ANN, uid)
                theirs = self.copy_of(BOB, BOB, uid)
                later.state = "paused"
                self.sync()
                later.state = "active"
                self.sync()
                event = self.event_of(mine, ANN)
                self.assertTrue(event)
                self.assertEqual(self.event_of(theirs, BOB), event)
                self.assertQuiet()

    def test_in_another_calendar_the_mark_is_not_the_accounts(self):
        """It means the calendar there, which may be a colleague's."""
        second = self.at_ann.target_calendar_id
        second.is_source = True
        mine = self.copy_of(ALIAS, second.remote_id)
        theirs = self.copy_of(BOB, BOB)
        self.sync()
        event = self.event_of(mine, second.remote_id)
        self.assertNotEqual(self.event_of(theirs, BOB), event)
        self.assertQuiet()
