# shellcheck shell=bash
# The local stack's settings: every name, its default, and the paths that follow from them. Sourced.
# deploy/README.md has the same table for people.
# shellcheck disable=SC2034  # most of these are read by the files that source this one

# Messages of tools are shown to people and numbers are parsed: one locale everywhere.
export LC_ALL=C.UTF-8

stack_sources=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=${stack_sources%/deploy/stack}

kafka_version=3.9.1
postgres_major=15
postgres_bin=/usr/lib/postgresql/$postgres_major/bin

local_dir=$(realpath -m -- "${ACTIVITY_LOCAL_DIR:-$root/.local}")
stack_dir=$local_dir/stack
config_dir=$stack_dir/config
secrets_dir=$stack_dir/secrets
log_dir=$stack_dir/log
run_dir=$stack_dir/run

# What a start was made with, so that deploy/status and the others find it without the same environment.
saved_settings=$config_dir/settings.env

# Who may send. Made once; activityctl sources changes it, and ingest takes the change over.
sources_file=$stack_dir/sources.toml

setting_names=(
    ACTIVITY_INGEST_PORT ACTIVITY_INGEST_ADMIN_PORT ACTIVITY_RECEIPTS_PORT ACTIVITY_RECEIPTS_ADMIN_PORT
    ACTIVITY_WORKER_ADMIN_PORT ACTIVITY_WORKERS
    ACTIVITY_KAFKA_PORT ACTIVITY_KAFKA_CONTROLLER_PORT ACTIVITY_KAFKA_HEAP ACTIVITY_KAFKA_DIR
    ACTIVITY_POSTGRES_PORT ACTIVITY_POSTGRES_DIR ACTIVITY_PROMETHEUS_PORT
    ACTIVITY_CACHE_DIR ACTIVITY_BUILD_DIR
)

read_settings() {
    : "${ACTIVITY_INGEST_PORT:=8080}"
    : "${ACTIVITY_INGEST_ADMIN_PORT:=8081}"
    : "${ACTIVITY_RECEIPTS_PORT:=8082}"
    : "${ACTIVITY_RECEIPTS_ADMIN_PORT:=8083}"
    : "${ACTIVITY_WORKER_ADMIN_PORT:=8091}" # the first worker's; the others follow
    : "${ACTIVITY_WORKERS:=2}"
    : "${ACTIVITY_KAFKA_PORT:=19092}"
    : "${ACTIVITY_KAFKA_CONTROLLER_PORT:=19093}"
    : "${ACTIVITY_KAFKA_HEAP:=512m}"
    : "${ACTIVITY_KAFKA_DIR:=$stack_dir/kafka}"
    : "${ACTIVITY_POSTGRES_PORT:=15432}"
    settle_postgres_dir
    : "${ACTIVITY_PROMETHEUS_PORT:=19090}"
    : "${ACTIVITY_CACHE_DIR:=$local_dir/cache}"
    : "${ACTIVITY_BUILD_DIR:=$local_dir/build/release}"
    export "${setting_names[@]}"
}

# On a machine where nothing is installed yet there is no user postgres to ask about: deploy/up asks again later.
settle_postgres_dir() {
    : "${postgres_dir_chosen=${ACTIVITY_POSTGRES_DIR:-}}"
    ACTIVITY_POSTGRES_DIR=${postgres_dir_chosen:-$(default_postgres_dir)}
}

# The settings of the stack that was started last; the environment's where there is none.
read_saved_settings() {
    # shellcheck source=/dev/null
    if [[ -r $saved_settings ]]; then source "$saved_settings"; fi
    read_settings
}

save_settings() {
    local name
    for name in "${setting_names[@]}"; do printf '%s=%q\n' "$name" "${!name}"; done >"$saved_settings.new"
    mv -- "$saved_settings.new" "$saved_settings"
}

# PostgreSQL's data belong under the stack's directory. Two things can forbid that: root starts PostgreSQL as the
# user `postgres`, who can't reach a checkout below a private directory such as /root, and the path of a Unix
# socket must be shorter than 108 bytes. Then they live in /var/tmp, under a name that only this checkout has.
default_postgres_dir() {
    local here=$stack_dir/postgres
    if ((${#here} <= 85)) && postgres_can_reach "$stack_dir"; then
        printf '%s' "$here"
    else
        printf '/var/tmp/activity-%s/postgres' "$(printf '%s' "$stack_dir" | sha256sum | cut -c 1-12)"
    fi
}

# Whether the user that PostgreSQL runs as can reach a directory, by the permissions of its nearest existing parent.
postgres_can_reach() {
    local path=$1
    ((EUID == 0)) || return 0
    id -u postgres >/dev/null 2>&1 || return 0
    while [[ ! -e $path ]]; do path=${path%/*}; path=${path:-/}; done
    (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- test -x "$path")
}

ports_of_settings() {
    printf '%s\n' ACTIVITY_INGEST_PORT ACTIVITY_INGEST_ADMIN_PORT ACTIVITY_RECEIPTS_PORT ACTIVITY_RECEIPTS_ADMIN_PORT \
        ACTIVITY_WORKER_ADMIN_PORT ACTIVITY_KAFKA_PORT ACTIVITY_KAFKA_CONTROLLER_PORT ACTIVITY_POSTGRES_PORT ACTIVITY_PROMETHEUS_PORT
}

# Every mistake at once, each with the name to change.
check_settings() {
    local name mistakes=() port
    local -A taken_by=()
    while read -r name; do
        is_whole_number "${!name}" 1 65535 || mistakes+=("$name=${!name} is not a port (1 to 65535)")
    done < <(ports_of_settings)
    is_whole_number "$ACTIVITY_WORKERS" 1 64 || mistakes+=("ACTIVITY_WORKERS=$ACTIVITY_WORKERS is not a number from 1 to 64")
    [[ $ACTIVITY_KAFKA_HEAP =~ ^[1-9][0-9]*[mg]$ ]] || mistakes+=("ACTIVITY_KAFKA_HEAP=$ACTIVITY_KAFKA_HEAP is not a size such as 512m or 2g")
    for name in ACTIVITY_KAFKA_DIR ACTIVITY_POSTGRES_DIR ACTIVITY_CACHE_DIR ACTIVITY_BUILD_DIR; do
        [[ ${!name} == /* ]] || mistakes+=("$name=${!name} is not an absolute path")
    done
    if ((${#mistakes[@]} == 0)); then
        while read -r port name; do
            if [[ -n ${taken_by[$port]:-} ]]; then
                mistakes+=("port $port is asked for twice: by ${taken_by[$port]} and by $name")
            else
                taken_by[$port]=$name
            fi
        done < <(ports_of_stack)
    fi
    ((${#mistakes[@]} == 0)) || fail "the settings can't be used:" "${mistakes[@]}"
}

is_whole_number() { [[ $1 =~ ^(0|[1-9][0-9]{0,8})$ ]] && (($1 >= $2 && $1 <= $3)); }

# "PORT NAME" for everything that listens; the second worker and later ones follow the first one's setting.
ports_of_stack() {
    local name worker
    while read -r name; do printf '%s %s\n' "${!name}" "$name"; done < <(ports_of_settings)
    for ((worker = 2; worker <= ACTIVITY_WORKERS; worker++)); do
        printf '%d ACTIVITY_WORKER_ADMIN_PORT (of worker %d)\n' $((ACTIVITY_WORKER_ADMIN_PORT + worker - 1)) "$worker"
    done
}

# Whether something listens on 127.0.0.1:PORT, read from the kernel: asking by a connection would disturb it.
port_is_taken() {
    local hex
    printf -v hex '%04X' "$1"
    grep -qsE "^ *[0-9]+: (0100007F|00000000|0{32}|0000000000000000FFFF00000100007F):$hex [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6
}

check_ports_free() {
    local name port taken=()
    while read -r port name; do
        if port_is_taken "$port"; then taken+=("port $port is taken$(port_user "$port"): set ${name%% *} to a free one"); fi
    done < <(ports_of_stack)
    ((${#taken[@]} == 0)) || fail "a port that the stack needs is taken; nothing was started" "${taken[@]}"
}

# " by name (pid)" if the kernel tells us.
port_user() {
    command -v ss >/dev/null || return 0
    ss -Hltnp "sport = :$1" 2>/dev/null | sed -nE '1s/.*users:\(\("([^"]+)",pid=([0-9]+).*/ by \1 (process \2)/p'
}
