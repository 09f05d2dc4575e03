{
    "name": "Calendar synchronisation: crash",
    "summary": "Test only: kills the server at a chosen step of a synchronisation",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "calendar_cronofy_sync contributors, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/calendar",
    "license": "LGPL-3",
    "depends": ["calendar_cronofy_sync"],
}
