# shellcheck shell=bash
# Processes of the stack: started in the background, remembered in a file each, ended in order. Sourced.
# shellcheck disable=SC2154  # settings.sh assigns the directories
#
# run/<name>.pid holds "<pid> <start time> <boot>": a process ID alone is given away again by the kernel, and the
# stack must never end somebody else's process.

boot_id=$(</proc/sys/kernel/random/boot_id)

# start_process NAME COMMAND…: in a session of its own, so that Ctrl-C reaches only the one who ends things in order.
start_process() {
    local name=$1 log=$log_dir/$1.log pid
    shift
    if [[ -s $log ]]; then mv -- "$log" "$log.1"; fi
    (
        # A child must not go on holding the lock of deploy/up.
        [[ -z ${lock:-} ]] || exec {lock}>&-
        exec setsid -- "$@"
    ) >"$log" 2>&1 </dev/null &
    pid=$!
    # Its end is reported by those who watch it, not by the shell.
    disown "$pid"
    printf '%d %s %s\n' "$pid" "$(start_time "$pid" || true)" "$boot_id" >"$run_dir/$name.pid"
}

# Clock ticks since boot at which a living process started; fails for a dead one.
start_time() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name, in parentheses, may hold anything; the state follows it, and the start time is 19 fields further.
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} != Z ]] || return 1
    printf '%s' "${stat[19]}"
}

# process_id NAME: prints the ID if that very process is still alive.
process_id() {
    local pid started boot
    { read -r pid started boot <"$run_dir/$1.pid"; } 2>/dev/null || return 1
    [[ $boot == "$boot_id" && $(start_time "$pid") == "$started" ]] || return 1
    printf '%s' "$pid"
}

process_is_up() { process_id "$1" >/dev/null; }

# Names of all processes that were started and not ended by the stack, in the order in which they are stopped.
process_names() {
    local name
    for name in ingest receipts $(worker_names) prometheus kafka postgres; do
        if [[ -e $run_dir/$name.pid ]]; then printf '%s\n' "$name"; fi
    done
}

worker_names() {
    local file
    for file in "$run_dir"/worker-*.pid; do
        if [[ -e $file ]]; then basename -- "$file" .pid; fi
    done | sort --version-sort
}

# signal_process NAME SIGNAL
signal_process() {
    local pid
    pid=$(process_id "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
}

# wait_for_end NAME SECONDS: whether it ended in time.
wait_for_end() {
    local until=$(($(now_ms) + $2 * 1000))
    while process_is_up "$1"; do
        (($(now_ms) < until)) || return 1
        sleep 0.05
    done
}

# stop_process NAME [SECONDS]: asks politely, waits, and insists.
stop_process() {
    local name=$1 patience_s=${2:-30}
    if process_is_up "$name"; then
        signal_process "$name" TERM
        # PostgreSQL would wait until every client has left; SIGINT has it end their sessions.
        [[ $name != postgres ]] || signal_process "$name" INT
        # A stopped (SIGSTOP) process takes no notice until it continues.
        signal_process "$name" CONT
        if ! wait_for_end "$name" "$patience_s"; then
            say "  $name did not end within $patience_s s; it is killed"
            # SIGQUIT lets PostgreSQL's children end with it.
            [[ $name != postgres ]] || { signal_process "$name" QUIT && wait_for_end "$name" 5; } || true
            signal_process "$name" KILL
            wait_for_end "$name" 5 || say "  $name is still there"
        fi
    fi
    rm -f -- "$run_dir/$name.pid"
}

# Ends all of them: the workers side by side, everything else after what depends on it.
stop_all() {
    local name workers
    mapfile -t workers < <(worker_names)
    stop_process ingest
    stop_process receipts
    for name in "${workers[@]}"; do signal_process "$name" TERM; done
    for name in "${workers[@]}"; do stop_process "$name"; done
    for name in prometheus kafka postgres; do stop_process "$name"; done
}
