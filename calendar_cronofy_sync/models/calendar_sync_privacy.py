"""What is stored of a user's calendars: told from the tables themselves."""

from markupsafe import Markup

from odoo import api, fields, models

from ..calsync.errors import PlaceRefused
from ..calsync.providers.cronofy import KEEPS_EXTERNAL, KEEPS_MANAGED
from ..calsync.values import FIELD_NAMES
from .calendar_sync_place import PLACES

#: what a connection fills, by mode; ``two_way`` beside what ``availability`` fills
TABLES = {
    "availability": ("calendar.sync.account", "calendar.sync.calendar"),
    "two_way": (
        "calendar.sync.link",
        "calendar.sync.series",
        "calendar.sync.channel",
        "calendar.sync.run",
        "calendar.sync.run.line",
    ),
}
#: fields of an appointment into which the synchronisation writes
EVENT_FIELDS = (
    "name",
    "start",
    "stop",
    "allday",
    "description",
    "location",
    "privacy",
    "show_as",
    "user_id",
    "partner_ids",
    "videocall_location",
)


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    storage_note = fields.Text("What is stored", compute="_compute_storage")
    storage_details = fields.Html(
        "What is stored, field by field", compute="_compute_storage", sanitize=False
    )

    @api.depends("provider", "mode")
    @api.depends_context("lang")
    def _compute_storage(self):
        """What is kept of the user's calendars, here and at the provider."""
        for account in self:
            notes = (account._stored_here(), account._kept_there())
            account.storage_note = " ".join(note for note in notes if note)
            account.storage_details = account._stored_fields()

    def _stored_here(self):
        notes = {
            "two_way": self.env._(
                "Odoo stores the appointments of the calendars read into it (title, "
                "time, description, place, visibility, guests who are known here), the "
                "list of your calendars, and for each appointment what both sides last "
                "agreed on. The journal of the runs is deleted after %(days)s days.",
                days=self._keep_days(),
            ),
            "availability": self.env._(
                "Odoo stores your address and the list of your calendars. Your busy "
                "times are asked when somebody looks for a slot, and forgotten; titles "
                "and places are never asked for."
            ),
        }
        return notes.get(self.mode, "")

    def _kept_there(self):
        if self.provider != "cronofy":
            return ""
        if self.mode == "availability":
            text = self.env._(
                "Cronofy itself keeps a copy of your calendars (%(place)s) for up to "
                "%(external)s days after you last gave the permission. It writes "
                "nothing for Odoo, and Odoo may only ask it for busy times. If you "
                "choose “Free/Busy” on Cronofy's page, Cronofy itself sees nothing "
                "else.",
                place=self._place_in_words(),
                external=KEEPS_EXTERNAL,
            )
        else:
            text = self.env._(
                "Cronofy itself keeps a copy of your calendars (%(place)s): title, "
                "description, place and time of your own appointments for up to "
                "%(external)s days after you last gave the permission, of those "
                "written by Odoo for up to %(managed)s days after it ended.",
                place=self._place_in_words(),
                external=KEEPS_EXTERNAL,
                managed=KEEPS_MANAGED,
            )
        more = self.env._(
            "Revoking ends the permission and deletes nothing there, unless you ask "
            "for it then."
        )
        return f"{text} {more}"

    def _place_in_words(self):
        try:
            self._check_place(self.provider, self.user_id.company_id)
        except PlaceRefused:
            return self.env._("in no data center that your company allows")
        labels = self.env["calendar.sync.place"]._fields["code"]
        return dict(labels._description_selection(self.env)).get(
            self._data_center(), dict(PLACES)[self._data_center()]
        )

    def _stored_fields(self):
        """A list of tables with the columns that this connection fills, as the database
        has them; nobody keeps it up to date by hand."""
        names = TABLES["availability"]
        if self.mode == "two_way":
            names += TABLES["two_way"]
        rows = [(self.env[name], self._columns(self.env[name])) for name in names]
        if self.mode == "two_way":
            rows.append((self.env["calendar.event"], EVENT_FIELDS))
        return Markup("<dl>%s</dl>") % Markup().join(
            Markup("<dt>%s</dt><dd>%s</dd>")
            % (
                model.env["ir.model"]._get(model._name).display_name,
                ", ".join(self._field_label(model._fields[name]) for name in columns),
            )
            for model, columns in rows
        )

    @api.model
    def _columns(self, model):
        """The stored fields of a model but those that Odoo adds to every table."""
        return [
            field.name
            for field in model._fields.values()
            if field.store
            and field.column_type
            and field.name not in models.MAGIC_COLUMNS
        ]

    def _field_label(self, field):
        label = field._description_string(self.env) or field.name
        if field.name == "grant":
            return self.env._("%(field)s (tokens, encrypted)", field=label)
        if field.name == "base":
            return self.env._(
                "%(field)s (what both sides agreed on: %(fields)s)",
                field=label,
                fields=", ".join(FIELD_NAMES),
            )
        return label
