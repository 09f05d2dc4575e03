"""What the rights to an interview hang on, and how it is kept from those without them.

Odoo checks its rules before a write; a row may be moved out of sight by that very
write. Here they are checked after it too. Fields by which an interview acts with more
rights than its user has are written by its own methods only.
"""

from odoo import api, models
from odoo.exceptions import AccessError


class HrInterviewRights(models.AbstractModel):
    _name = "hr.interview.rights"
    _description = "Rights to an Interview"

    #: fields that only methods write, in superuser mode
    _by_methods = frozenset()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_by_methods(vals)
        rows = super().create(vals_list)
        rows._check_targets({name for vals in vals_list for name in vals})
        return rows

    def write(self, vals):
        self._check_by_methods(vals)
        result = super().write(vals)
        if not self.env.su:
            self.check_access("write")
        self._check_targets(vals)
        return result

    def _check_targets(self, names):
        """What a row is made part of is its user's to change as well."""
        if self.env.su:
            return
        for name in names:
            field = self._fields.get(name)
            if field and field.type == "many2one":
                target = self[name]
                if isinstance(target, self.env.registry["hr.interview.rights"]):
                    target.check_access("write")

    def _check_by_methods(self, vals):
        """Refuse what only methods write, unless it is there already."""
        if self.env.su:
            return
        for name in self._by_methods & vals.keys():
            field = self._fields[name]
            there = {field.convert_to_write(record[name], record) for record in self}
            if not self:
                there = {field.default(self) if field.default else False}
            if there != {vals[name] or False}:
                raise AccessError(
                    self.env._(
                        '"%(field)s" of "%(model)s" is not written by hand.',
                        field=field._description_string(self.env),
                        model=self._description,
                    )
                )
