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
            # each bound is a version that ./run test bounds has passed with
            "cryptography>=3.4.8",
            # older ones do not know the scope calendar.app.created
            "google-api-python-client>=2.165",
            "google-auth>=2.23",
            "google-auth-httplib2>=0.2",
            "google-auth-oauthlib>=1.2",
            "requests>=2.25.1",
        ],
    },
    "data": [
        "security/calendar_sync_security.xml",
        "security/hr_interview_security.xml",
        "security/ir.model.access.csv",
        "data/ir_cron_data.xml",
        "data/calendar_sync_place_data.xml",
        "views/calendar_sync_account_views.xml",
        "views/calendar_sync_run_views.xml",
        "views/calendar_event_views.xml",
        "views/calendar_sync_connect_templates.xml",
        "views/res_config_settings_views.xml",
        "views/res_users_views.xml",
        "wizards/calendar_sync_account_revoke_views.xml",
        "wizards/calendar_sync_preview_views.xml",
        "views/calendar_sync_menus.xml",
        "data/hr_interview_data.xml",
        "data/hr_interview_template_data.xml",
        "wizards/hr_interview_swap_views.xml",
        "views/hr_interview_views.xml",
        "views/hr_interview_page_templates.xml",
    ],
    "demo": [
        "demo/hr_interview_demo.xml",
    ],
    "uninstall_hook": "uninstall_hook",
    "assets": {
        "web.assets_backend": [
            "calendar_cronofy_sync/static/src/**/*",
        ],
        "web.assets_unit_tests": [
            "calendar_cronofy_sync/static/tests/**/*.test.js",
        ],
    },
    "application": True,
}
