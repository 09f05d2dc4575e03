"""German, complete: every text has a translation, and nothing English is left of ours.

The first half reads the files of ``i18n``, the second shows what a German reads.
"""

import ast
import io
import re
from collections import Counter
from pathlib import Path

import polib
from lxml import etree, html

from odoo.models import MAGIC_COLUMNS as MAGIC
from odoo.tests import HttpCase, TransactionCase, tagged
from odoo.tools import file_path
from odoo.tools.translate import trans_export, xml_translate

from ..calsync import errors
from ..models import words
from .interview_common import InterviewCase
from .sync_case import SyncCase

MODULE = "calendar_cronofy_sync"
GERMAN = "de_DE"
#: marks a translation that is empty because German has the same word
SAME = "same as in English"
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\{.*?\}\}")
#: tags with the attributes that make them work; texts in attributes are translated
TAG = re.compile(r"</?\w+|\b(?:t-[\w-]+|href|invisible|class|name)=\"[^\"]*\"")
#: attributes of views that people read
READ = ("string", "help", "placeholder", "confirm", "title", "aria-label")


def catalogue(name):
    return polib.pofile(file_path(f"{MODULE}/i18n/{name}"))


def plain(text):
    return " ".join(text.split())


def english():
    """Our terms that German says differently: {English: German}; no demo data."""
    return {
        plain(entry.msgid): plain(entry.msgstr)
        for entry in catalogue("de.po")
        if entry.msgstr
        and not all(where.endswith("_demo") for where, _line in entry.occurrences)
    }


def is_ours(field):
    """A field of our own, not of Odoo's that our models inherit."""
    return field._module == MODULE and field.name not in (*MAGIC, "display_name")


def read(tree):
    """What people read of a view: its texts, and the texts in its attributes."""
    texts = [text for text in tree.itertext() if isinstance(text, str)]
    texts += [node.get(name) for node in tree.iter() for name in READ]
    return {plain(text) for text in texts if text}


class German:
    """A database that speaks German."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang(GERMAN)
        cls.env["ir.module.module"]._load_module_terms([MODULE], [GERMAN])
        cls.english = english()

    def assertGerman(self, texts):
        """None of the texts is one of our English terms."""
        self.assertTrue(texts)
        left = {plain(text) for text in texts if text} & set(self.english)
        # a word of ours may be the German of another term, as "Start" could be
        self.assertEqual(left - set(self.english.values()), set())


@tagged("post_install", "-at_install")
class TestCatalogues(TransactionCase):
    def test_every_term_has_a_translation(self):
        german = catalogue("de.po")
        self.assertEqual([e.msgid for e in german if e.obsolete], [])
        self.assertEqual([e.msgid for e in german if e.fuzzy], [])
        empty = [e.msgid for e in german if not e.msgstr and e.tcomment != SAME]
        self.assertEqual(empty, [])

    def test_the_terms_are_those_of_the_template(self):
        template = {entry.msgid for entry in catalogue(f"{MODULE}.pot")}
        german = {entry.msgid for entry in catalogue("de.po")}
        self.assertEqual(german - template, set(), "translated, but no term any more")
        self.assertEqual(template - german, set(), "a term that has no line here")

    def test_the_template_is_up_to_date(self):
        """``./run translate`` would change nothing."""
        buffer = io.BytesIO()
        trans_export("", [MODULE], buffer, "po", self.env)
        fresh = [
            entry
            for entry in polib.pofile(buffer.getvalue().decode())
            if any(self._is_ours(where) for where, _line in entry.occurrences)
        ]
        template = catalogue(f"{MODULE}.pot")
        known = {entry.msgid for entry in template}
        self.assertEqual({entry.msgid for entry in fresh} - known, set(), "not there")
        old = [
            entry.msgid
            for entry in template
            if any(self._is_ours(where) for where, _line in entry.occurrences)
        ]
        stale = set(old) - {entry.msgid for entry in fresh}
        self.assertEqual(stale, set(), "nothing says that any more")

    def _is_ours(self, where):
        """Not labels of inherited fields, which depend on what else is installed."""
        kind, _, xmlid = where.rpartition(":")
        if kind == "code":
            return True
        if xmlid.endswith("_demo"):
            return False
        if not kind.startswith("model:ir.model.fields,"):
            return True
        field = self.env.ref(xmlid, raise_if_not_found=False)
        if not field:
            return "__message_" not in xmlid  # stale, or of a module that is missing
        return is_ours(self.env[field.model]._fields[field.name])

    def test_placeholders_and_markup_survive(self):
        for entry in catalogue("de.po"):
            if not entry.msgstr:
                continue
            with self.subTest(term=entry.msgid):
                for pattern in (PLACEHOLDER, TAG):
                    self.assertEqual(
                        Counter(pattern.findall(entry.msgid)),
                        Counter(pattern.findall(entry.msgstr)),
                    )
                # gettext's own rule for the ends of a text
                self.assertEqual(
                    (entry.msgid.startswith("\n"), entry.msgid.endswith("\n")),
                    (entry.msgstr.startswith("\n"), entry.msgstr.endswith("\n")),
                )

    def test_what_follows_a_value_at_once_does_so_in_german(self):
        """Text that begins with a mark stands behind a name without a blank."""
        for entry in catalogue("de.po"):
            if entry.msgid[0] in ".,;:" and entry.msgstr:
                self.assertIn(entry.msgstr[0], ".,;:", entry.msgid)


@tagged("post_install", "-at_install")
class TestGermanScreens(German, TransactionCase):
    def test_every_text_of_our_views(self):
        """Also of pages; those a database has changed by hand are none of ours."""
        data = self.env["ir.model.data"].search(
            [("module", "=", MODULE), ("model", "=", "ir.ui.view")]
        )
        for view in self.env["ir.ui.view"].browse(data.mapped("res_id")):
            arch = view.with_context(lang=GERMAN).arch_db
            texts = []
            xml_translate(texts.append, arch)
            if texts:
                with self.subTest(view=view.name):
                    self.assertGerman(texts)

    def test_every_field_selection_and_help(self):
        for model in self.env.registry.models:
            ours = {n for n, f in self.env[model]._fields.items() if is_ours(f)}
            if not ours:
                continue
            texts = []
            described = self.env[model].with_context(lang=GERMAN).fields_get(ours)
            for field in described.values():
                texts += [field["string"], field.get("help")]
                texts += [label for _key, label in field.get("selection", [])]
            if texts:
                with self.subTest(model=model):
                    self.assertGerman(texts)

    def test_the_screens_as_they_are_shown(self):
        """Inherited and combined: preferences, connection, settings, revoke, preview,
        interview."""
        screens = {
            "res.users": "res_users_view_form_services",
            "calendar.sync.account": "calendar_sync_account_view_form",
            "res.config.settings": "res_config_settings_view_form",
            "calendar.sync.account.revoke": "calendar_sync_account_revoke_view_form",
            "calendar.sync.preview": "calendar_sync_preview_view_form",
            "hr.interview": "hr_interview_view_form",
            "calendar.event": "view_calendar_event_form",
        }
        for model, name in screens.items():
            view = self.env.ref(f"{MODULE}.{name}")
            view = view if view.mode == "primary" else view.inherit_id
            shown = self.env[model].with_context(lang=GERMAN).get_view(view.id, "form")
            texts = read(etree.fromstring(shown["arch"])) - self._foreign_terms(model)
            with self.subTest(model=model):
                self.assertGerman(texts)

    def _foreign_terms(self, model):
        """What views of other modules say, too: their German may not be installed."""
        data = self.env["ir.model.data"].search(
            [("module", "=", MODULE), ("model", "=", "ir.ui.view")]
        )
        others = [("model", "=", model), ("id", "not in", data.mapped("res_id"))]
        views = self.env["ir.ui.view"].with_context(lang=None).search(others)
        trees = [etree.fromstring(view.arch_db) for view in views]
        return set().union(*map(read, trees))

    def test_menus_actions_and_crons(self):
        for model in ("ir.ui.menu", "ir.actions.act_window", "ir.actions.server"):
            data = self.env["ir.model.data"].search(
                [("module", "=", MODULE), ("model", "=", model)]
            )
            records = self.env[model].browse(data.mapped("res_id"))
            self.assertGerman(records.with_context(lang=GERMAN).mapped("name"))

    def test_texts_of_the_program(self):
        env = self.env(context={"lang": GERMAN})
        self.assertEqual(env["hr.interview"]._public_title()[:18], "Bewerbungsgespräch")
        accounts = env["calendar.sync.account"]
        for mode in ("two_way", "availability"):
            account = accounts.new({"provider": "google", "mode": mode})
            self.assertEqual(account._stored_here()[:14], "Odoo speichert")


@tagged("post_install", "-at_install")
class TestGermanApplicant(German, InterviewCase, HttpCase):
    """Everything an applicant gets to read."""

    def page(self, interview):
        answer = self.url_open(f"/interview/{interview.access_token}?lang=de")
        self.assertEqual(answer.status_code, 200)
        tree = html.fromstring(answer.text)
        self.assertEqual(tree.get("lang"), "de-DE")
        texts = [text for text in tree.itertext() if text.strip()]
        texts += tree.xpath("//@aria-label | //@title | //@alt")
        self.assertGerman(texts)
        return plain(tree.text_content())

    def new_offer(self):
        interview = self.new_interview(self.ann)
        interview.action_find_slots()
        interview.action_offer()
        self.env.flush_all()
        return interview

    def test_the_page_in_all_its_states(self):
        interview = self.new_offer()
        choose = self.page(interview)
        self.assertIn("Montag, 30. November 2026", choose)
        self.assertIn("Astronomer", choose)
        interview.action_book(interview.slot_ids.sorted("start")[0].id)
        self.env.flush_all()
        booked = self.page(interview)
        self.assertIn("Montag, 30. November 2026, 08:00 – 09:00", booked)
        interview.action_cancel()
        self.env.flush_all()
        self.page(interview)

    def test_the_mails(self):
        self.applicant.partner_id.lang = GERMAN
        interview = self.new_offer()
        interview.action_book(interview.slot_ids.sorted("start")[0].id)
        for kind in ("offer", "booked", "moved", "cancelled"):
            template = interview._template(kind)
            mail = template.sudo()._generate_template(
                interview.ids, ["subject", "body_html"]
            )[interview.id]
            text = plain(html.fromstring(str(mail["body_html"])).text_content())
            with self.subTest(kind=kind):
                self.assertIn("Bewerbungsgespräch", mail["subject"])
                self.assertIn("Guten Tag Alex Applicant", text)
                self.assertNotRegex(text, r"Hello|Kind regards|Interview\b|minutes")
        self.assertEqual(
            interview.with_context(lang=GERMAN)._when(),
            "Montag, 30. November 2026, 08:00",
        )

    def test_the_recruiter_is_told_in_the_recruiters_language(self):
        """Whatever language the applicant reads the page in."""
        interview = self.new_offer()
        address = f"/interview/{interview.access_token}"
        slot = interview.slot_ids.sorted("start")[0]
        for path, data in (
            ("/book", {"slot_id": slot.id}),
            ("/cancel", {"message": "Tut mir leid"}),
        ):
            data["lang"] = "de"
            answer = self.url_open(address + path, data, allow_redirects=False)
            self.assertEqual(answer.status_code, 303)
        self.env.invalidate_all()
        self.assertEqual(interview.state, "cancelled")
        self.assertEqual(
            interview.activity_ids.summary, "Alex Applicant has cancelled the interview"
        )
        told = plain(" ".join(self.applicant.message_ids.mapped("body")))
        self.assertIn("Interview booked: Monday, November 30, 2026", told)
        self.assertIn("Interview cancelled", told)

    def test_the_scheduler_speaks_the_recruiters_language(self):
        self.recruiter.lang = GERMAN
        interview = self.new_offer()
        interview.expires_at = "2026-11-27 09:00:00"
        self.env["hr.interview"].search([("state", "=", "offered")])._each("_expire")
        self.assertIn("abgelaufen", self.applicant.message_ids[0].body)

    def test_what_would_open_more_slots_names_days_as_the_reader_does(self):
        interview = self.new_interview(self.ann)
        days = {
            lang: interview.with_context(lang=lang)._short_day(interview.date_from)
            for lang in ("en_US", GERMAN)
        }
        self.assertEqual(days, {"en_US": "Mon, Nov 30", GERMAN: "Mo., 30. Nov."})

    def test_a_colleague_is_asked_in_the_colleagues_language(self):
        self.ann.lang = GERMAN
        interview = self.new_interview(self.ann)
        interview.action_ask_to_connect(self.ann.id)
        message = self.env["mail.message"].search(
            [("partner_ids", "in", self.ann.partner_id.ids)], limit=1
        )
        self.assertEqual(message.subject, "Bitte verbinden Sie Ihren Kalender")


@tagged("post_install", "-at_install")
class TestGermanSync(German, SyncCase):
    def test_the_scheduler_speaks_the_owners_language(self):
        """It has a language of its own; what it writes down is read by the owner."""
        self.ann.lang = GERMAN
        self.connect(self.ann)
        self.put(name="")
        self.sync()
        event = self.env["calendar.event"].search([("name", "=", "(Ohne Titel)")])
        self.assertEqual(len(event), 1)
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestSentences(German, TransactionCase):
    """What the pure layer says in English, people read in their language."""

    def test_every_sentence_of_the_pure_layer_is_listed(self):
        said = set()
        for path in Path(file_path(f"{MODULE}/calsync")).rglob("*.py"):
            if path.stem != "memory":
                said |= set(self._said(ast.parse(path.read_text(encoding="utf-8"))))
        self.assertEqual(said - set(words.BY_TEXT), set())
        self.assertGreater(len(said), 40)

    def _said(self, tree):
        """First lines of what errors say by themselves, and what they are told."""
        kinds = {name for name in dir(errors) if not name.startswith("_")}
        for node in ast.walk(tree):
            match node:
                case ast.ClassDef(name=name) if name in kinds:
                    yield ast.get_docstring(node).splitlines()[0]
                case ast.Call(
                    func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]
                ) if name in kinds:
                    yield text

    def test_in_words(self):
        env = self.env(context={"lang": GERMAN})
        for text in words.BY_TEXT:
            self.assertEqual(words.in_words(self.env(context={}), text), text)
            self.assertNotEqual(words.in_words(env, text), text)
        self.assertEqual(
            words.in_words(env, "Event is too funny."), "Event is too funny."
        )
