-- Roles for Byname on PostgreSQL, each with no more than it needs. As the server's administrator, once:
--
--   createdb byname
--   psql --dbname=byname --file=roles.sql
--   psql --dbname=byname --command='\password byname_owner'     (and likewise for the other three)
--   BYNAME_STORE__URL=postgresql://byname_owner@/byname byname db upgrade
--   psql --dbname=byname --file=roles.sql
--
-- The second time it finds the tables; so run it again after each `byname db upgrade`. It may be run any number of times.
--
--   byname_owner   byname db upgrade, backup, restore, daily and the other commands: owns the tables
--   byname_api     byname api: reads and writes, but changes no entry of the audit log
--   byname_relay   byname relay, byname cache: reads, marks what it has brought to the cache, merges counts of mail,
--                  and frees deleted names whose time is over
--   byname_milter  byname milter, maps, lmtp: reads what decisions need; no password hash, no token. Writes down which
--                  hosted domains the file holds that its Postfix reads
--
-- docs/operate.md says how each daemon gets its own [store] url.

\set ON_ERROR_STOP on
BEGIN;

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['byname_owner', 'byname_api', 'byname_relay', 'byname_milter']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

SELECT format('GRANT CREATE, CONNECT ON DATABASE %I TO byname_owner', current_database())
\gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO byname_api, byname_relay, byname_milter', current_database())
\gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO byname_owner;
GRANT USAGE ON SCHEMA public TO byname_api, byname_relay, byname_milter;

-- What an upgrade adds is the API's at once, so that it need not wait for this file.
ALTER DEFAULT PRIVILEGES FOR ROLE byname_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO byname_api;
ALTER DEFAULT PRIVILEGES FOR ROLE byname_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO byname_api;

SELECT to_regclass('public.alembic_version') IS NOT NULL AS has_tables
\gset
\if :has_tables

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM byname_api, byname_relay, byname_milter;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM byname_api, byname_relay, byname_milter;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO byname_api;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO byname_api;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM byname_api;
REVOKE UPDATE, DELETE ON audit_log FROM byname_api;

GRANT SELECT ON alembic_version, accounts, domains, addresses, aliases, catch_alls, system_mailboxes
    TO byname_relay, byname_milter;
GRANT SELECT (id, is_active, person) ON mailboxes TO byname_relay, byname_milter;

-- Files of hosted domains that Postfix reads: byname maps says what its own holds ([maps] export).
GRANT SELECT ON clock TO byname_milter;
GRANT SELECT (version, nonce, domain, field) ON outbox TO byname_milter;
GRANT SELECT, INSERT, UPDATE ON map_files TO byname_milter;
GRANT SELECT ON map_files TO byname_relay;

GRANT SELECT, INSERT, UPDATE ON clock TO byname_relay;
GRANT SELECT, INSERT, DELETE, UPDATE (applied_at, counter) ON outbox TO byname_relay;
GRANT USAGE ON SEQUENCE outbox_id_seq TO byname_relay;

-- Counts of mail, the end of an alias that follows from them, and names whose time is over.
GRANT SELECT, INSERT, UPDATE, DELETE ON count_batches, alias_days, alias_totals, alias_senders TO byname_relay;
GRANT UPDATE (off_at, updated_at) ON aliases TO byname_relay;
GRANT SELECT, DELETE ON kept_names TO byname_relay;
GRANT DELETE, UPDATE (created_at) ON addresses TO byname_relay;
GRANT SELECT ON filter_rules TO byname_relay;
GRANT SELECT, UPDATE ON filter_scripts TO byname_relay;
GRANT INSERT, SELECT (id) ON audit_log TO byname_relay;
GRANT USAGE ON SEQUENCE audit_log_id_seq TO byname_relay;

\endif
COMMIT;
