-- A copy of the database must not touch anybody's calendar: no permission, no client,
-- no run. The calendars, links and settings stay, so that the copy can be looked at.
UPDATE calendar_sync_account
   SET "grant" = NULL,
       claim = NULL,
       next_sync = NULL,
       state = CASE WHEN state IN ('active', 'reconnect') THEN 'paused' ELSE state END;
UPDATE calendar_sync_calendar
   SET sync_token = NULL;
DELETE FROM calendar_sync_channel;
-- the applicants' links lead to the original
UPDATE hr_interview
   SET access_token = NULL;
DELETE FROM calendar_sync_consent;
DELETE FROM ir_config_parameter
 WHERE key IN (
        'calendar_cronofy_sync.google_client_secret',
        'calendar_cronofy_sync.cronofy_client_secret'
       );
UPDATE ir_cron
   SET active = false
 WHERE id IN (
        SELECT res_id
          FROM ir_model_data
         WHERE module = 'calendar_cronofy_sync'
           AND model = 'ir.cron'
       );
