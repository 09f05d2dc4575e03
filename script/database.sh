# Databases: a template with what the addon depends on, and clones of it. Sourced.
# shellcheck shell=bash
. script/postgres.sh

DEMO=${CALENDAR_SYNC_DEMO:-demo} # the database that ./run demo shows
LANGUAGES=en_US,de_DE # in every database; the first is the default

odoo() { # odoo ARGUMENTS: Odoo's command line, deaf to our locks
  "$PYTHON" -m odoo "$@" 8>&- 9>&-
}

sql() { # sql DATABASE STATEMENT
  PGOPTIONS="-c client_min_messages=warning" "$(postgres_bin)/psql" -d "$1" -XAtqc "$2"
}

database_exists() {
  [ "$(sql postgres "select 1 from pg_database where datname = '$1'")" = 1 ]
}

clone() { # clone TEMPLATE NAME
  sql postgres "create database \"$2\" template \"$1\""
}

drop() {
  sql postgres "drop database if exists \"$1\" with (force)"
}

template_database() { # prints its name; made when there is none for these versions
  local modules name
  modules=$("$PYTHON" -c 'import ast, sys
print(",".join(ast.literal_eval(open(sys.argv[1]).read())["depends"]))' \
    "$ADDON/__manifest__.py")
  name=template_$({
    echo "$modules $LANGUAGES"
    grep addons_path "$CONF"
    cat script/requirements-odoo.txt script/database.sh
  } | sha256sum | cut -c1-12)
  (
    flock 7
    database_exists "$name" || make_template "$name" "$modules"
  ) 7>"$CACHE/template.lock" >&2
  echo "$name"
}

make_template() { # make_template NAME MODULES
  say "template database with $2 (once, about a minute)"
  drop "making_$1"
  odoo -c "$CONF" -d "making_$1" -i "$2" --load-language="$LANGUAGES" --stop-after-init \
    --no-http --log-level=warn >"$CACHE/template.log" 2>&1 7>&- || {
    tail -30 "$CACHE/template.log"
    die "the template database could not be made; the whole log: $CACHE/template.log"
  }
  # attachments inside the database, so that a clone is complete without a filestore
  odoo shell -c "$CONF" -d "making_$1" --no-http --log-level=error 7>&- <<'PYTHON'
env["ir.config_parameter"].set_param("ir_attachment.location", "db")
env["ir.attachment"].force_storage()
env.cr.commit()
PYTHON
  local old
  for old in $(sql postgres "select datname from pg_database d where datname ~ '^template_'
      and not exists (select from pg_stat_activity a where a.datname = d.datname)"); do
    drop "$old"
  done
  sql postgres "alter database \"making_$1\" rename to \"$1\""
}

install_addon() { # install_addon DATABASE LOG: a fresh clone with the addon installed
  local template
  template=$(template_database)
  clone "$template" "$1"
  with_addon "$1" "$2" -i
}

with_addon() { # with_addon DATABASE LOG -i|-u: install or update it
  odoo -c "$CONF" -d "$1" "$3" "$ADDON" --stop-after-init --no-http >"$2" 2>&1 || {
    tail -40 "$2" >&2
    die "the addon does not load; the whole log: $2"
  }
}

demo_database() { # the demo's database, made when it is missing, updated when it is old
  local log=$ARTEFACTS/demo-install.log version
  version=$(find "$ADDON" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 cat |
    sha256sum | cut -c1-16)
  mkdir -p "$ARTEFACTS"
  if ! database_exists "$DEMO"; then
    say "database with the addon and demo data"
    install_addon "making_$DEMO" "$log"
    sql postgres "alter database \"making_$DEMO\" rename to \"$DEMO\""
  elif [ "$(cat "$STAMPS/$DEMO" 2>/dev/null)" != "$version" ]; then
    say "the addon has changed: updating the database"
    with_addon "$DEMO" "$log" -u
  fi
  echo "$version" >"$STAMPS/$DEMO"
}

assets() { # assets DATABASE: compiled once, not in every browser test
  odoo shell -c "$CONF" -d "$1" --no-http --log-level=error <<'PYTHON'
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
PYTHON
}
