from . import calendar_sync_account_revoke, calendar_sync_preview, hr_interview_swap
