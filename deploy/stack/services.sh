# shellcheck shell=bash
# What the stack consists of: how each process is started, and how one sees that it is ready. Sourced.
# shellcheck disable=SC2154  # settings.sh assigns the directories

bin_dir() { printf '%s/bin' "$ACTIVITY_BUILD_DIR"; }

ctl() { "$stack_sources/with-env" "$config_dir/ctl.env" "$(bin_dir)/activityctl" "$@"; }

# Where all share one machine, who takes events in and carries them comes first, and who applies them takes what is left:
# a rush makes the workers late, and no learner wait. PostgreSQL can't be put behind: each of its processes makes itself
# a session, and has a share of its own.
first=("$stack_sources/priority" -10)
behind=("$stack_sources/priority" 10)

# start_service NAME: postgres, kafka, ingest, receipts, prometheus, worker-<number>
start_service() {
    local name=$1
    case $name in
        postgres)
            start_process "$name" "$stack_sources/postgres" run --dir "$ACTIVITY_POSTGRES_DIR" --port "$ACTIVITY_POSTGRES_PORT"
            ;;
        kafka)
            start_process "$name" "${first[@]}" "$stack_sources/kafka" run --dir "$ACTIVITY_KAFKA_DIR" --port "$ACTIVITY_KAFKA_PORT" \
                --controller-port "$ACTIVITY_KAFKA_CONTROLLER_PORT" --heap "$ACTIVITY_KAFKA_HEAP"
            ;;
        ingest)
            start_process "$name" "${first[@]}" "$stack_sources/with-env" "$config_dir/ingest.env" "$(bin_dir)/activity-ingest"
            ;;
        receipts)
            start_process "$name" "$stack_sources/with-env" "$config_dir/receipts.env" "$(bin_dir)/activity-receipts"
            ;;
        worker-*)
            # Under its name it has its partitions back at once when it is started again, and nobody else stops for that.
            start_process "$name" "${behind[@]}" "$stack_sources/with-env" "$config_dir/worker.env" \
                env ACTIVITY_ADMIN_ADDRESS="$(worker_admin_address "${name#worker-}")" ACTIVITY_KAFKA_INSTANCE_ID="$name" \
                "$(bin_dir)/activity-worker" --group all
            scrape_workers
            ;;
        prometheus)
            start_process "$name" prometheus --config.file="$config_dir/prometheus.yml" --storage.tsdb.path="$stack_dir/prometheus" \
                --storage.tsdb.retention.time=7d --web.listen-address="$host:$ACTIVITY_PROMETHEUS_PORT" --log.level=warn
            ;;
    esac
}

# Prometheus scrapes the workers that are there.
scrape_workers() {
    local name addresses=()
    for name in $(worker_names); do addresses+=("$(worker_admin_address "${name#worker-}")"); done
    targets_file worker "${addresses[@]}"
}

service_is_ready() {
    case $1 in
        postgres) "$postgres_bin/pg_isready" --quiet --host="$host" --port="$ACTIVITY_POSTGRES_PORT" --username=analyst --dbname=postgres ;;
        # The port is open long before the broker answers.
        kafka) grep -qs 'Kafka Server started' "$log_dir/kafka.log" ;;
        prometheus) answers "$(prometheus_url)/-/ready" ;;
        ingest) answers "$(ingest_admin_url)/health/ready" ;;
        receipts) answers "$(receipts_admin_url)/health/ready" ;;
        worker-*) answers "http://$(worker_admin_address "${1#worker-}")/health/ready" ;;
    esac
}

answers() { curl --silent --fail --max-time 2 --noproxy '*' --output /dev/null "$1"; }

service_address() {
    case $1 in
        postgres) printf '%s:%d' "$host" "$ACTIVITY_POSTGRES_PORT" ;;
        kafka) kafka_address ;;
        prometheus) prometheus_url ;;
        ingest) ingest_url ;;
        receipts) receipts_url ;;
        worker-*) printf 'http://%s/metrics' "$(worker_admin_address "${1#worker-}")" ;;
    esac
}

# await_ready SECONDS NAME…: waits until all of them are ready, says so of each, and fails with the end of its log if
# one of them ends or takes too long.
await_ready() {
    local started until name waiting
    started=$(now_ms)
    until=$((started + $1 * 1000))
    shift
    while (($# > 0)); do
        waiting=()
        for name in "$@"; do
            if service_is_ready "$name"; then
                end_progress
                say "  $name is ready at $(service_address "$name") · $(seconds_since "$started") s"
            elif ! process_is_up "$name"; then
                service_failure "$name" "ended instead of getting ready"
            elif (($(now_ms) > until)); then
                service_failure "$name" "was not ready in time"
            else
                waiting+=("$name")
            fi
        done
        set -- "${waiting[@]}"
        (($# == 0)) || { show_progress "  waiting for $* · $(seconds_since "$started") s"; sleep 0.05; }
    done
}

service_failure() {
    end_progress
    printf '%s: step "start %s" failed: it %s\n' "${0##*/}" "$1" "$2" >&2
    show_log_end "$log_dir/$1.log"
    exit 1
}
