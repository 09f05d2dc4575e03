"""Guests take part where there is no doubt who they are; nobody is told."""

from odoo.tests import tagged

from .sync_case import SyncCase

ANN = "ann@example.com"


@tagged("post_install", "-at_install")
class TestSyncPeople(SyncCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann)
        self.partners = self.env["res.partner"]

    def contact(self, email, **values):
        return self.partners.create({"name": email, "email": email, **values})

    def imported(self, *guests, organizer=ANN, **values):
        people = [
            guest if not isinstance(guest, str) else self.person(guest)
            for guest in guests
        ]
        me = self.person(ANN, is_self=True, response="accepted")
        remote = self.put(
            organizer=self.person(organizer, is_self=organizer == ANN),
            attendees=(me, *people),
            **values,
        )
        self.sync()
        return self.event_of(remote), remote

    def answers(self, event):
        return {a.partner_id.email: a.state for a in event.attendee_ids}

    def test_the_only_contact_of_an_address_takes_part_with_their_answer(self):
        self.contact("Carl@Example.com")
        event, _remote = self.imported(
            self.person("carl@example.com", response="tentative"), "nobody@example.com"
        )
        self.assertEqual(
            self.answers(event), {ANN: "accepted", "Carl@Example.com": "tentative"}
        )
        self.assertQuiet()

    def test_who_is_in_doubt_does_not_take_part_and_nobody_is_created(self):
        self.contact("twin@example.com")
        self.contact("twin@example.com")
        self.contact("archived@example.com", active=False)
        self.contact("room@example.com")
        other = self.env["res.company"].create({"name": "Another company"})
        self.contact("elsewhere@example.com", company_id=other.id)
        before = self.partners.with_context(active_test=False).search_count([])
        event, _remote = self.imported(
            "twin@example.com",
            "unknown@example.com",
            "archived@example.com",
            "elsewhere@example.com",
            self.person("room@example.com", is_resource=True),
            self.person(""),
            self.person("not an address"),
        )
        self.assertEqual(event.partner_ids, self.ann.partner_id)
        self.assertEqual(
            self.partners.with_context(active_test=False).search_count([]), before
        )
        self.assertQuiet()

    def test_a_user_is_preferred_to_contacts_of_the_same_address(self):
        self.contact(self.bob.email)
        event, _remote = self.imported(self.bob.email)
        self.assertIn(self.bob.partner_id, event.partner_ids)
        self.assertEqual(len(event.partner_ids), 2)

    def test_a_connected_colleague_takes_part_by_their_own_copy_only(self):
        self.connect(self.bob)
        event, _remote = self.imported(self.bob.email)
        self.assertNotIn(self.bob.partner_id, event.partner_ids)

    def test_an_alias_among_the_guests_shifts_no_answers(self):
        """Two addresses of one person, and one of nobody, between the others."""
        carl = self.contact("carl@example.com")
        dora = self.contact("dora@example.com")
        event, _remote = self.imported(
            self.person("alias@example.com", response="declined"),
            self.person("carl@example.com", response="accepted"),
            self.person("carl@example.com", response="declined"),
            self.person("dora@example.com", response="tentative"),
        )
        states = {a.partner_id: a.state for a in event.attendee_ids}
        self.assertEqual(states[carl], "accepted")
        self.assertEqual(states[dora], "tentative")
        self.assertEqual(len(event.attendee_ids), 3)

    def test_guests_who_answer_come_and_go(self):
        carl = self.contact("carl@example.com")
        dora = self.contact("dora@example.com")
        event, remote = self.imported("carl@example.com")
        me = self.person(ANN, is_self=True, response="accepted")
        self.server.edit(
            ANN,
            remote.remote_id,
            attendees=(
                me,
                self.person("carl@example.com", response="declined"),
                self.person("dora@example.com"),
            ),
        )
        self.sync()
        states = {a.partner_id: a.state for a in event.attendee_ids}
        self.assertEqual((states[carl], states[dora]), ("declined", "needsAction"))
        self.server.edit(ANN, remote.remote_id, attendees=(me,))
        self.sync()
        self.assertEqual(event.partner_ids, self.ann.partner_id)
        self.assertQuiet()

    def test_a_participant_added_in_odoo_is_not_removed_by_an_answer(self):
        carl, dora = self.contact("carl@example.com"), self.contact("dora@example.com")
        event, remote = self.imported("carl@example.com")
        event.with_context(no_mail_to_attendees=True).write(
            {"partner_ids": [(4, dora.id)]}
        )
        self.server.edit(
            ANN,
            remote.remote_id,
            attendees=(
                self.person(ANN, is_self=True, response="accepted"),
                self.person("carl@example.com", response="accepted"),
            ),
        )
        self.sync()
        self.assertEqual(event.partner_ids, self.ann.partner_id | carl | dora)

    def test_an_invitation_of_a_stranger_has_no_organiser_in_odoo(self):
        event, remote = self.imported(organizer="boss@customer.example", writable=False)
        self.assertFalse(event.user_id)
        self.assertEqual(event.partner_ids, self.ann.partner_id)
        self.server.remove(ANN, remote.remote_id)
        self.sync()
        self.assertFalse(event.active, "an external organiser cancels")
        self.assertQuiet()

    def test_declined_there_it_leaves_odoo_and_comes_back_with_another_answer(self):
        event, remote = self.imported(organizer="boss@customer.example", writable=False)
        for response, active in (("declined", 0), ("accepted", 1)):
            self.server.edit(
                ANN,
                remote.remote_id,
                attendees=(self.person(ANN, is_self=True, response=response),),
            )
            self.sync()
            found = self.env["calendar.event"].search_count(
                [("name", "=", "Lunch"), ("partner_ids", "in", self.ann.partner_id.id)]
            )
            self.assertEqual(found, active, response)
        self.assertTrue(event.exists())
        self.assertQuiet()

    def test_nobody_is_told_of_anything(self):
        """No mail, no message, no invitation, no follower: whatever the sync does."""
        carl = self.contact("carl@example.com")
        messages = self.env["mail.message"].search_count(
            [("model", "=", "calendar.event")]
        )
        event, remote = self.imported("carl@example.com")
        self.server.edit(ANN, remote.remote_id, when=self.at(3), name="Late lunch")
        self.sync()
        self.server.edit(
            ANN,
            remote.remote_id,
            attendees=(self.person(ANN, is_self=True, response="tentative"),),
        )
        self.sync()
        self.server.remove(ANN, remote.remote_id)
        self.sync()
        self.assertFalse(event.active)
        self.assertFalse(
            self.env["mail.mail"].search([("recipient_ids", "in", carl.ids)])
        )
        self.assertFalse(event.message_partner_ids - self.ann.partner_id)
        self.assertEqual(
            self.env["mail.message"].search_count([("model", "=", "calendar.event")]),
            messages,
        )
