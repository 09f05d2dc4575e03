{
    "name": "Calendar Synchronisation with Google and Cronofy",
    "summary": "Two-way calendar synchronisation, and interviews that find their slot",
    "version": "19.0.1.0.0",
    "development_status": "Beta",
    "category": "Productivity/Calendar",
    "website": "https://github.com/OCA/calendar",
    "author": "calendar_cronofy_sync contributors, Odoo Community Association (OCA)",
    "license": "LGPL-3",
    "depends": ["calendar", "hr_recruitment"],
    "external_dependencies": {
        "python": [
            "google-api-python-client",
            "google-auth",
            "google-auth-httplib2",
            "google-auth-oauthlib",
            "cryptography",
            "python-dateutil",
            "requests",
        ],
    },
    "data": [
        "security/calendar_sync_security.xml",
        "security/ir.model.access.csv",
        "data/ir_cron_data.xml",
    ],
    "application": True,
}
