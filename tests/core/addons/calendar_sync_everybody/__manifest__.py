{
    "name": "Calendar synchronisation: everybody",
    "summary": "Test only: every user is connected, from the moment there is one",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "calendar_cronofy_sync contributors, Odoo Community Association (OCA)",
    "website": "https://github.com/OCA/calendar",
    "license": "LGPL-3",
    "depends": ["calendar_cronofy_sync"],
    "post_init_hook": "connect_everybody",
}
