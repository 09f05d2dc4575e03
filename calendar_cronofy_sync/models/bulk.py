"""Many plain rows at once.

Links and journal lines come by the thousand, have no followers, no translations and no
overrides; ``create`` would spend more on them than on the events themselves.
"""

import json

from odoo.tools import SQL

#: rows in one statement
CHUNK = 1000


def insert_rows(model, rows):
    """Insert rows into the table of ``model``; no ids are returned.

    :param rows: dicts of column values, stored related fields included; what a row
        lacks is NULL
    """
    if not rows:
        return
    model.env.flush_all()
    names = sorted({name for row in rows for name in row})
    fields = [model._fields[name] for name in names]
    columns = SQL(", ").join(SQL.identifier(name) for name in names)
    uid = model.env.uid
    for start in range(0, len(rows), CHUNK):
        values = SQL(", ").join(
            SQL(
                "(%s, %s, %s, %s, %s)",
                SQL(", ").join(
                    _value(field, row.get(name))
                    for name, field in zip(names, fields, strict=True)
                ),
                uid,
                uid,
                SQL("now() AT TIME ZONE 'UTC'"),
                SQL("now() AT TIME ZONE 'UTC'"),
            )
            for row in rows[start : start + CHUNK]
        )
        model.env.cr.execute(
            SQL(
                "INSERT INTO %s (%s, create_uid, write_uid, create_date, write_date) "
                "VALUES %s",
                SQL.identifier(model._table),
                columns,
                values,
            )
        )
    # what points to these rows from elsewhere is not up to date in the cache
    model.env.invalidate_all(flush=False)


def _value(field, value):
    if field.type == "json" and value is not None:
        return SQL("%s", json.dumps(value))
    if value is False and field.type not in ("boolean",):
        value = None
    return SQL("%s", value)
