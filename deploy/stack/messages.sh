# shellcheck shell=bash
# What a person sees: lines, steps with their progress, failures. Sourced.

say() { printf '%s\n' "$*"; }

# fail MESSAGE [HINT…]: ends the program; the hints say what to do.
fail() {
    end_progress
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    shift
    if (($# > 0)); then printf '  %s\n' "$@" >&2; fi
    exit 1
}

# A mistake of this script itself, not of its user.
unexpected() {
    end_progress
    printf '%s: unexpected failure at %s:%s: %s\n' "${0##*/}" "${BASH_SOURCE[1]##*/}" "$1" "$2" >&2
}

now_ms() { printf '%s' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# seconds_since MS: "3.4"
seconds_since() {
    local elapsed
    elapsed=$(($(now_ms) - $1))
    printf '%d.%d' $((elapsed / 1000)) $((elapsed % 1000 / 100))
}

progress_shown=
# One line that is overwritten in place; only on a terminal.
show_progress() {
    [[ -t 1 ]] || return 0
    local width
    width=$(tput cols 2>/dev/null) || width=80
    printf '\r\e[K%.*s' $((width - 1)) "$*"
    progress_shown=yes
}

end_progress() {
    if [[ -n $progress_shown ]]; then printf '\r\e[K'; fi
    progress_shown=
}

# The last lines of a log, indented, for a message on stderr.
show_log_end() {
    local log=$1 lines=${2:-20}
    if [[ -s $log ]]; then
        printf '  last lines of %s:\n' "$log" >&2
        tail -n "$lines" -- "$log" | sed 's/^/    /' >&2
    else
        printf '  (%s is empty)\n' "$log" >&2
    fi
}

step_pid=
# run_step TITLE LOG COMMAND…: runs a long command with its output in LOG, and shows that it is alive: the last
# line of output in place on a terminal, a plain line every 15 s elsewhere. Returns the command's exit code.
# The command gets a session of its own so that end_step can end all of it.
run_step() {
    local title=$1 log=$2 started said_s=0 elapsed_s code=0
    shift 2
    started=$(now_ms)
    mkdir -p -- "${log%/*}"
    : >>"$log"
    local from
    from=$(($(stat -c %s -- "$log") + 1))
    setsid -- "$@" >>"$log" 2>&1 </dev/null &
    step_pid=$!
    while kill -0 "$step_pid" 2>/dev/null; do
        sleep 0.1
        elapsed_s=$((($(now_ms) - started) / 1000))
        if [[ -t 1 ]]; then
            ((elapsed_s < 1)) || show_progress "  $title · ${elapsed_s} s · $(last_output "$log" "$from")"
        elif ((elapsed_s >= said_s + 15)); then
            said_s=$elapsed_s
            say "  $title · ${elapsed_s} s · $(last_output "$log" "$from")"
        fi
    done
    wait "$step_pid" || code=$?
    step_pid=
    end_progress
    if ((code == 0)); then say "  $title · done in $(seconds_since "$started") s"; fi
    return "$code"
}

last_output() { tail -c "+$2" -- "$1" | tail -n 1 | tr -d '\r' | cut -c 1-160; }

# Ends a step that a signal interrupted, with everything that it started.
end_step() {
    [[ -n $step_pid ]] || return 0
    kill -TERM -- "-$step_pid" 2>/dev/null || true
    wait "$step_pid" 2>/dev/null || true
    step_pid=
}
