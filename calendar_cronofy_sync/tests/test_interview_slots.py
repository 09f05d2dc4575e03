"""Which slots an interview finds, and what it says of those it cannot ask."""

from datetime import timedelta

from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .interview_common import InterviewCase, span, utc

WORKDAY = ["07:00", "08:00", "09:00", "10:00", "12:00", "13:00", "14:00", "15:00"]


@tagged("post_install", "-at_install")
class TestInterviewSlots(InterviewCase):
    def test_working_hours_are_the_slots_of_somebody_without_entries(self):
        interview = self.new_interview()
        self.assertTrue(interview.action_find_slots())
        self.assertEqual(self.starts(interview), WORKDAY)
        self.assertFalse(interview.unknown_user_ids)
        slot = interview.slot_ids[0]
        self.assertEqual(slot.user_ids, self.ann)
        self.assertEqual(slot.stop - slot.start, timedelta(hours=1))

    def test_live_busy_times_are_not_free(self):
        self.live[self.ann.id] = [span("Mo", "08:30", "09:10")]
        interview = self.new_interview()
        interview.action_find_slots()
        self.assertNotIn("08:00", self.starts(interview))
        self.assertNotIn("09:00", self.starts(interview))
        self.assertIn("10:00", self.starts(interview))
        self.assertIn("busy times", interview.reasons)

    def test_odoo_meetings_count_unless_declined_or_free(self):
        self.meeting(self.ann, "Mo", "08:00", "09:00", privacy="private")
        free = self.meeting(self.ann, "Mo", "09:00", "10:00", show_as="free")
        declined = self.meeting(self.ann, "Mo", "10:00", "11:00")
        declined.attendee_ids.state = "declined"
        interview = self.new_interview()
        interview.action_find_slots()
        starts = self.starts(interview)
        self.assertNotIn("08:00", starts)
        self.assertLessEqual({"09:00", "10:00"}, set(starts))
        free.show_as = "busy"
        interview.action_find_slots()
        self.assertNotIn("09:00", self.starts(interview))

    def test_an_all_day_meeting_takes_the_whole_day(self):
        self.meeting(
            self.ann,
            "Mo",
            "00:00",
            "00:00",
            allday=True,
            start_date="2026-11-30",
            stop_date="2026-11-30",
        )
        interview = self.new_interview()
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), [])

    def employee(self, user, *hours):
        """Somebody in Brussels with working hours of (day, from, to)."""
        calendar = self.env["resource.calendar"].create(
            {
                "name": "Hours",
                "tz": "Europe/Brussels",
                "attendance_ids": [
                    Command.create(
                        {
                            "name": "Hours",
                            "dayofweek": day,
                            "hour_from": start,
                            "hour_to": stop,
                            "day_period": "morning",
                        }
                    )
                    for day, start, stop in hours
                ],
            }
        )
        return self.env["hr.employee"].create(
            {
                "name": user.name,
                "user_id": user.id,
                "resource_calendar_id": calendar.id,
                "tz": "Europe/Brussels",
            }
        )

    def test_working_hours_may_go_on_over_midnight(self):
        self.employee(self.ann, ("0", 22, 24), ("1", 0, 1))
        interview = self.new_interview(date_to="2026-12-01", duration=90, step=30)
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), ["21:00", "21:30", "22:00", "22:30"])

    def test_working_hours_of_the_employee_and_time_off(self):
        employee = self.employee(self.ann, ("0", 9, 12))
        interview = self.new_interview()
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), ["08:00", "09:00", "10:00"])
        self.env["resource.calendar.leaves"].create(
            {
                "resource_id": employee.resource_id.id,
                "calendar_id": employee.resource_calendar_id.id,
                "date_from": utc("Mo 08:00"),
                "date_to": utc("Mo 09:00"),
            }
        )
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), ["09:00", "10:00"])

    def test_who_cannot_be_asked_is_unknown_and_never_free(self):
        del self.live[self.bob.id]
        interview = self.new_interview(self.ann | self.bob)
        interview.action_find_slots()
        self.assertEqual(interview.unknown_user_ids, self.bob)
        self.assertFalse(interview.slot_ids)
        self.assertIn("Bob", interview.reasons)
        self.assertIn("unknown", interview.reasons)

    def test_as_far_as_a_calendar_tells_its_owner_is_known(self):
        self.until[self.bob.id] = span("Mo", "12:00", "13:00").start
        self.meeting(self.bob, "Mo", "14:00", "15:00")
        interview = self.new_interview(self.ann | self.bob)
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), WORKDAY[:4])
        self.assertFalse(interview.unknown_user_ids)
        self.assertIn("Bob: unknown from", interview.reasons)
        self.assertIn("(not so far ahead); does not count as free", interview.reasons)
        schedule = interview.get_schedule()
        self.assertEqual(schedule["people"][1]["until"], "2026-11-30 12:00:00")
        trusting = schedule["relaxations"][0]
        interview.write(trusting["values"])
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), [h for h in WORKDAY if h != "14:00"])
        self.assertIn("counts as free then when", interview.reasons)
        interview.unknown_policy = "leave_out"
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), WORKDAY[:4], "asked, so not left out")

    def test_what_lies_behind_the_range_is_nobodys_problem(self):
        self.until[self.ann.id] = span("Tu", "00:00", "01:00").start
        interview = self.new_interview()
        schedule = interview.get_schedule()
        self.assertEqual(self.starts(interview), WORKDAY)
        self.assertNotIn("unknown", interview.reasons)
        self.assertEqual(schedule["people"][0]["problem"], "")

    def test_the_recruiter_may_leave_the_unknown_out_or_trust_odoo(self):
        del self.live[self.bob.id]
        self.meeting(self.bob, "Mo", "08:00", "09:00")
        interview = self.new_interview(self.ann | self.bob)
        interview.left_out_user_ids = self.bob
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), WORKDAY)
        self.assertEqual(interview.slot_ids.user_ids, self.ann)
        interview.write({"left_out_user_ids": [(5,)], "unknown_policy": "odoo"})
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), [h for h in WORKDAY if h != "08:00"])
        self.assertEqual(interview.unknown_user_ids, self.bob)
        interview.unknown_policy = "leave_out"
        interview.action_find_slots()
        self.assertEqual(interview.slot_ids.user_ids, self.ann)

    def test_nobody_left_is_no_slot(self):
        interview = self.new_interview()
        interview.left_out_user_ids = self.ann
        interview.action_find_slots()
        self.assertFalse(interview.slot_ids)

    def test_n_of_a_panel(self):
        self.live[self.ann.id] = [span("Mo", "06:00", "12:00")]
        self.live[self.bob.id] = [span("Mo", "10:00", "18:00")]
        interview = self.new_interview((2, self.ann | self.bob | self.carl))
        interview.action_find_slots()
        self.assertEqual(
            self.starts(interview), ["07:00", "08:00", "09:00", *WORKDAY[4:]]
        )
        self.assertEqual(self.slot(interview, "07:00").user_ids, self.bob | self.carl)

    def test_every_panel_has_to_be_satisfied(self):
        self.live[self.ann.id] = [span("Mo", "06:00", "12:00")]
        self.live[self.bob.id] = [span("Mo", "13:00", "18:00")]
        interview = self.new_interview(self.ann, (1, self.bob | self.dora))
        self.live[self.dora.id] = [span("Mo", "06:00", "18:00")]
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), ["12:00"])

    def test_buffers_keep_away_from_meetings_but_not_from_the_day(self):
        self.live[self.ann.id] = [span("Mo", "09:00", "10:00")]
        interview = self.new_interview(buffer_before=15, buffer_after=15)
        interview.action_find_slots()
        self.assertEqual(
            self.starts(interview), ["07:00", "12:00", "13:00", "14:00", "15:00"]
        )

    def test_minimum_notice(self):
        interview = self.new_interview(minimum_notice=72)  # Monday, 10:00
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), WORKDAY[3:])

    def test_a_date_means_the_whole_day_and_a_time_is_exact(self):
        interview = self.new_interview(
            date_from="2026-11-30 08:00:00", date_to="2026-11-30 10:00:00"
        )
        interview.action_find_slots()
        self.assertEqual(self.starts(interview), ["08:00", "09:00"])
        interview = self.new_interview(date_from="2026-11-30", date_to="2026-12-01")
        self.assertEqual(str(interview.date_from), "2026-11-29 23:00:00")
        self.assertEqual(str(interview.date_to), "2026-12-01 23:00:00")

    def test_a_new_question_voids_the_old_answer(self):
        interview = self.new_interview()
        interview.action_find_slots()
        interview.duration = 90
        self.assertFalse(interview.slot_ids)

    def test_nonsense_is_refused(self):
        with self.assertRaises(ValidationError):
            self.new_interview(date_from="2026-12-02", date_to="2026-11-30")
        with self.assertRaises(ValidationError):
            self.new_interview((3, self.ann | self.bob))
        interview = self.new_interview()
        for name, value, said in (
            ("minimum_notice", 2**31 - 1, "between 0 and 8784"),
            ("deadline", -(2**31), "between 0 and 8784"),
            ("duration", 2**31 - 1, "between 0 and 10080"),
            ("gap_max", 10**6, "between 0 and 10080"),
            ("date_from", "0001-01-01", "between the years"),
            ("date_from", "0001-01-01 00:00:00", "between the years"),
            ("date_to", "9999-12-31", "between the years"),
            ("expires_at", "9999-12-31 23:59:59", "between the years"),
            ("date_to", "2026-13-45", "no date"),
            ("date_from", False, "from when"),
            ("tz", "Mars/X", "Europe/Berlin"),
        ):
            with self.subTest(name, value=value):
                with self.assertRaisesRegex(ValidationError, said):
                    self.new_interview(**{name: value}) if value else interview.write(
                        {name: value}
                    )
                with self.assertRaisesRegex(ValidationError, said):
                    interview.write({name: value})

    def test_the_largest_and_the_farthest_are_reckoned_with(self):
        interview = self.new_interview(
            minimum_notice=366 * 24,
            buffer_before=7 * 24 * 60,
            date_from="2199-01-01",
            date_to="2199-12-31",
            step=5,
        )
        interview.get_schedule()
        self.assertTrue(interview.slot_ids)

    def test_reasons_and_relaxations_say_what_one_click_would_open(self):
        self.live[self.bob.id] = [span("Mo", "00:00", "23:00")]
        interview = self.new_interview(self.ann | self.bob)
        schedule = interview.get_schedule()
        self.assertFalse(schedule["slots"])
        self.assertIn("Bob", "\n".join(schedule["reasons"]))
        without = next(r for r in schedule["relaxations"] if "without" in r["text"])
        self.assertEqual(without["slots"], len(WORKDAY))
        interview.write(without["values"])
        self.assertEqual(len(interview.get_schedule()["slots"]), without["slots"])

    def test_relying_on_odoo_is_offered_with_its_yield(self):
        del self.live[self.bob.id]
        interview = self.new_interview(self.ann | self.bob)
        change = interview.get_schedule()["relaxations"][0]
        self.assertEqual(change["slots"], len(WORKDAY))
        interview.write(change["values"])
        self.assertEqual(len(interview.get_schedule()["slots"]), len(WORKDAY))

    def test_every_relaxation_keeps_its_promise(self):
        self.live[self.bob.id] = [span("Mo", "08:00", "23:00")]
        self.live[self.ann.id] = [span("Mo", "06:00", "08:00")]
        values = {"buffer_before": 30, "duration": 90, "minimum_notice": 80}
        panel = (2, self.ann | self.bob | self.carl)
        offered = self.new_interview(panel, **values).get_schedule()["relaxations"]
        self.assertGreaterEqual(len(offered), 2)
        for number in range(len(offered)):
            interview = self.new_interview(panel, **values)
            change = interview.get_schedule()["relaxations"][number]
            with self.subTest(change["text"]):
                interview.write(change["values"])
                slots = interview.get_schedule()["slots"]
                self.assertEqual(len(slots), change["slots"])

    def test_the_week_view_shows_busy_blocks_without_titles(self):
        self.meeting(self.ann, "Mo", "08:10", "08:40", name="Secret talks")
        schedule = self.new_interview().get_schedule()
        self.assertEqual(
            schedule["people"][0]["busy"],
            [["2026-11-30 08:10:00", "2026-11-30 08:40:00"]],
        )
        self.assertNotIn("Secret", str(schedule))

    def test_a_sequence_is_one_slot_of_several_interviews(self):
        interview = self.new_interview()
        interview.panel_ids.unlink()
        interview.write(
            {
                "step": 30,
                "child_ids": [
                    Command.create(
                        {
                            "name": "Talk",
                            "applicant_id": self.applicant.id,
                            "panel_ids": [
                                Command.create(
                                    {"user_ids": [Command.set(self.ann.ids)]}
                                )
                            ],
                        }
                    ),
                    Command.create(
                        {
                            "name": "Test",
                            "sequence": 20,
                            "applicant_id": self.applicant.id,
                            "duration": 30,
                            "gap_min": 30,
                            "gap_max": 60,
                            "panel_ids": [
                                Command.create(
                                    {"user_ids": [Command.set(self.bob.ids)]}
                                )
                            ],
                        }
                    ),
                ],
            }
        )
        self.live[self.bob.id] = [span("Mo", "06:00", "10:00")]
        interview.action_find_slots()
        slot = self.slot(interview, "08:30")
        self.assertEqual(
            [(part.start, part.stop) for part in slot.part_ids],
            [(utc("Mo 08:30"), utc("Mo 09:30")), (utc("Mo 10:00"), utc("Mo 10:30"))],
        )
        self.assertEqual(slot.user_ids, self.ann | self.bob)
        interview.action_book(slot.id)
        self.assertEqual(interview.state, "booked")
        talk, test = interview.child_ids.sorted("sequence")
        self.assertEqual(talk.event_id.start, utc("Mo 08:30"))
        self.assertEqual(test.event_id.partner_ids, self.bob.partner_id)
        self.assertEqual(interview.start, utc("Mo 08:30"))
        self.assertEqual(interview.stop, utc("Mo 10:30"))
        test.event_id.write({"start": utc("Mo 11:00"), "stop": utc("Mo 11:30")})
        self.assertEqual(
            [(part.start, part.stop) for part in slot | test.slot_ids],
            [(utc("Mo 08:30"), utc("Mo 11:30")), (utc("Mo 11:00"), utc("Mo 11:30"))],
        )
        interview.action_cancel()
        self.assertFalse((talk | test).event_id.filtered("active"))
