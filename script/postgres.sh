# A PostgreSQL cluster of our own, reachable only through a socket in its folder.
# Sourced. Verbs call start_postgres; the last one running stops it when it ends.
# shellcheck shell=bash

as_postgres() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

postgres_bin() {
  printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1
}

postgres_folder() { # prints it; created where its user can reach it and a socket fits
  local folder
  folder=$(readlink "$CACHE/pg" || true)
  if [ ! -d "$folder" ]; then
    if [ ${#CACHE} -lt 70 ] && as_postgres test -x "$CACHE"; then
      folder=$CACHE/postgresql
      mkdir -p "$folder"
    else
      folder=$(mktemp -d /var/tmp/calendar-sync-postgresql.XXXXXX)
    fi
    [ "$(id -u)" != 0 ] || chown postgres: "$folder"
    chmod 700 "$folder"
    ln -sfn "$folder" "$CACHE/pg"
  fi
  echo "$folder"
}

start_postgres() {
  local folder bin
  folder=$(postgres_folder) bin=$(postgres_bin)
  exec 9>"$CACHE/postgres.lock"
  flock -s 9 # together with the other verbs that use it; who stops it must be alone
  export PGHOST=$folder PGUSER=odoo PGDATABASE=postgres
  (
    flock 7
    launch_postgres "$folder" "$bin"
  ) 7>"$CACHE/postgres.start.lock"
  trap stop_postgres EXIT
}

launch_postgres() { # launch_postgres FOLDER BIN: unless it runs already
  local folder=$1 bin=$2
  if ! as_postgres test -e "$folder/data/PG_VERSION"; then
    say "PostgreSQL cluster"
    as_postgres "$bin/initdb" -D "$folder/data" -U odoo -A trust -E UTF8 \
      --locale=C.UTF-8 >/dev/null
    # its databases are made anew any time, so it need not survive a power cut
    as_postgres tee -a "$folder/data/postgresql.conf" >/dev/null <<CONF
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
listen_addresses = ''
unix_socket_directories = '$folder'
CONF
  fi
  if ! as_postgres "$bin/pg_ctl" -D "$folder/data" status >/dev/null 2>&1; then
    as_postgres "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start \
      >/dev/null 7>&- 8>&- 9>&- || die "PostgreSQL does not start; its log is $folder/log"
  fi
}

stop_postgres() {
  flock -n 9 || return 0 # another verb still uses it
  as_postgres "$(postgres_bin)/pg_ctl" -D "$PGHOST/data" -m fast stop >/dev/null 2>&1 || true
}
