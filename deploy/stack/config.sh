# shellcheck shell=bash
# The files that the programs of the stack are configured by, made anew at every start. Sourced after settings.sh
# and secrets.sh. They hold passwords: only their owner reads them.
# shellcheck disable=SC2154  # settings.sh assigns the directories

host=127.0.0.1

ingest_url() { printf 'http://%s:%d' "$host" "$ACTIVITY_INGEST_PORT"; }
receipts_url() { printf 'http://%s:%d' "$host" "$ACTIVITY_RECEIPTS_PORT"; }
receipts_admin_url() { printf 'http://%s:%d' "$host" "$ACTIVITY_RECEIPTS_ADMIN_PORT"; }
ingest_admin_url() { printf 'http://%s:%d' "$host" "$ACTIVITY_INGEST_ADMIN_PORT"; }
prometheus_url() { printf 'http://%s:%d' "$host" "$ACTIVITY_PROMETHEUS_PORT"; }
kafka_address() { printf '%s:%d' "$host" "$ACTIVITY_KAFKA_PORT"; }

# worker_admin_address NUMBER, from 1
worker_admin_address() { printf '%s:%d' "$host" $((ACTIVITY_WORKER_ADMIN_PORT + $1 - 1)); }

# postgres_url ROLE SECRET
postgres_url() { printf 'postgresql://%s:%s@%s:%d/activity' "$1" "$(secret "$2")" "$host" "$ACTIVITY_POSTGRES_PORT"; }

make_config() {
    install -d -m 755 -- "$local_dir" "$stack_dir" "$log_dir" "$run_dir"
    install -d -m 700 -- "$config_dir" "$config_dir/targets"
    make_secrets
    save_settings
    env_file ingest \
        ACTIVITY_KAFKA_BOOTSTRAP "$(kafka_address)" \
        ACTIVITY_INGEST_ADDRESS "$host:$ACTIVITY_INGEST_PORT" \
        ACTIVITY_ADMIN_ADDRESS "$host:$ACTIVITY_INGEST_ADMIN_PORT" \
        ACTIVITY_SOURCES "$sources_file" \
        ACTIVITY_LOG_FORMAT "${ACTIVITY_LOG_FORMAT:-text}"
    env_file receipts \
        ACTIVITY_KAFKA_BOOTSTRAP "$(kafka_address)" \
        ACTIVITY_POSTGRES_URL "$(postgres_url analyst postgres_analyst)" \
        ACTIVITY_RECEIPTS_ADDRESS "$host:$ACTIVITY_RECEIPTS_PORT" \
        ACTIVITY_ADMIN_ADDRESS "$host:$ACTIVITY_RECEIPTS_ADMIN_PORT" \
        ACTIVITY_SOURCES "$sources_file" \
        ACTIVITY_LOG_FORMAT "${ACTIVITY_LOG_FORMAT:-text}"
    env_file worker \
        ACTIVITY_KAFKA_BOOTSTRAP "$(kafka_address)" \
        ACTIVITY_POSTGRES_URL "$(postgres_url worker postgres_worker)" \
        ACTIVITY_KAFKA_SESSION_TIMEOUT_MS 10000 \
        ACTIVITY_LOG_FORMAT "${ACTIVITY_LOG_FORMAT:-text}"
    env_file ctl \
        ACTIVITY_KAFKA_BOOTSTRAP "$(kafka_address)" \
        ACTIVITY_POSTGRES_URL "$(postgres_url activity_migrator postgres_migrator)" \
        ACTIVITY_MIGRATIONS "$root/migrations" \
        ACTIVITY_SOURCES "$sources_file"
    make_sources
    # The paths in it are relative to it, so the file of the repository is used as it is.
    install -m 600 -- "$root/deploy/prometheus/prometheus.yml" "$root/deploy/prometheus/rules.yml" "$config_dir/"
    targets_file prometheus "$host:$ACTIVITY_PROMETHEUS_PORT"
    targets_file ingest "$host:$ACTIVITY_INGEST_ADMIN_PORT"
    targets_file receipts "$host:$ACTIVITY_RECEIPTS_ADMIN_PORT"
    targets_file worker
}

# env_file NAME {VARIABLE VALUE}…: for `set -a; . file`, and for the programs of the stack.
env_file() {
    local file=$config_dir/$1.env
    shift
    (
        umask 077
        while (($# > 0)); do
            printf '%s=%q\n' "$1" "$2"
            shift 2
        done >"$file.new"
    )
    mv -- "$file.new" "$file"
}

# Ingest knows keys by their SHA-256 only. A file that is there stays: somebody may have added sources to it.
make_sources() {
    local digest
    [[ ! -s $sources_file ]] || return 0
    digest=$(secret write_key | tr -d '\n' | sha256sum | cut -d' ' -f1)
    (umask 077 && cat >"$sources_file.new") <<EOF
# Who may send events: made by deploy/up. The key itself is in $secrets_dir/write_key.
[[source]]
name = "web"
keys = [{ sha256 = "$digest" }]
origins = ["http://127.0.0.1:*", "http://localhost:*"]
EOF
    mv -- "$sources_file.new" "$sources_file"
}

# targets_file JOB ADDRESS…: what Prometheus scrapes; it notices a change by itself.
targets_file() {
    local file=$config_dir/targets/$1.json
    shift
    printf '%s\n' "$@" | jq --raw-input . | jq --slurp '[{targets: map(select(. != ""))}]' >"$file.new"
    mv -- "$file.new" "$file"
}
