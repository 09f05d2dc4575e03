"""The synchronisation and availability engine, in plain Python.

Nothing in this package imports Odoo, opens a database or knows a user: values come in,
values go out, and only ``providers`` (through ``transport``) touches the network.

Glossary: one word per thing, everywhere
========================================
provider      a calendar service: ``google`` or ``cronofy``
account       one user's connection to a provider
calendar      a remote calendar of an account
source        a calendar that is read into Odoo
target        the one calendar that Odoo's own meetings are written to
event         an appointment, here (Odoo) or there (remote)
occurrence    one appointment of a series; *instance* is Google's word for it
link          one Odoo event bound to one remote event
base          the field values on which both sides last agreed
delta         what changed remotely since the last token
pending       changed in Odoo and not yet written out
plan, action  what a run will do, decided before anything is done
run, journal  one synchronisation of one account, and what it did line by line
grant         what OAuth gave us: the tokens and the scopes
busy, hours, slot, panel    free time, who works when, what can be booked, who is needed
offer, hold, booking        slots shown to an applicant, kept for them, taken by them

Imports run one way:
``values, errors <- intervals, recurrence, mapping, transport, vault <- providers, plan,
availability <- models <- wizards, controllers``.
"""
