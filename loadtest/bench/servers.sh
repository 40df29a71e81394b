# shellcheck shell=bash
# What the benchmarks share: servers of their own on free ports of the loopback, ended with the script; CPU and
# memory of a process; medians. Sourced.

bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=${bench_dir%/loadtest/bench}
bin=${ACTIVITY_BUILD_DIR:-$root/.local/build/release}/bin
export LC_ALL=C.UTF-8

scratch=$(mktemp -d /var/tmp/activity-bench.XXXXXX)
chmod 755 "$scratch"
started=()

end_servers() {
    local i
    for ((i = ${#started[@]} - 1; i >= 0; --i)); do
        kill -TERM "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    rm -rf -- "$scratch"
}
trap end_servers EXIT
trap 'exit 130' INT TERM

# start NAME COMMAND…: in the background, logged, ended with the script. Sets $started_pid.
start() {
    local name=$1
    shift
    "$@" >"$scratch/$name.log" 2>&1 &
    started_pid=$!
    started+=("$started_pid")
}

# stop PID: ends it now and waits for it.
stop() {
    kill -TERM "$1" && wait "$1" || true
    local pid kept=()
    for pid in "${started[@]}"; do [[ $pid == "$1" ]] || kept+=("$pid"); done
    started=("${kept[@]}")
}

# wait_for SECONDS WHAT COMMAND…: until the command succeeds.
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            echo "$what did not come up; logs:" >&2
            tail -n 15 "$scratch"/*.log >&2
            exit 1
        fi
        sleep 0.1
    done
}

# A port that nobody listens on, below the range that the kernel hands out to clients.
next_port=$((20000 + RANDOM % 10000))
free_port() {
    while (exec 3<>"/dev/tcp/127.0.0.1/$next_port") 2>/dev/null; do next_port=$((next_port + 1)); done
    port=$next_port
    next_port=$((next_port + 1))
}

start_kafka() {
    local controller
    free_port && controller=$port
    free_port && kafka_port=$port
    start kafka "$root/deploy/stack/kafka" run --dir "$scratch/kafka" --port "$kafka_port" --controller-port "$controller" --heap 768m
    export ACTIVITY_KAFKA_BOOTSTRAP=127.0.0.1:$kafka_port
    wait_for 60 Kafka "$bin/activityctl" topics list
    "$bin/activityctl" topics apply >/dev/null
}

# cpu_ms PID: user and system time so far.
cpu_ms() { awk '{ sub(/.*\) /, ""); print ($12 + $13) * 10 }' "/proc/$1/stat"; }
# rss_mb PID
rss_mb() { awk '/^VmRSS:/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }
# rss_peak_mb PID
rss_peak_mb() { awk '/^VmHWM:/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"; }

# median NUMBER…
median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
# ratio A B
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
