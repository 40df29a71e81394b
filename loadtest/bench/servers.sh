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
export ACTIVITY_LOCAL_DIR=$scratch/local ACTIVITY_CACHE_DIR=${ACTIVITY_CACHE_DIR:-$root/.local/cache}

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
    "$bin/activityctl" topics apply --timeout 60 >/dev/null
}

# psql as the superuser.
sql() { "$root/deploy/stack/postgres" psql --dir "$scratch/postgres" --port "$postgres_port" -qAtX -d activity -v ON_ERROR_STOP=1 "$@"; }

start_postgres() {
    free_port && postgres_port=$port
    start postgres "$root/deploy/stack/postgres" run --dir "$scratch/postgres" --port "$postgres_port"
    postgres_pid=$started_pid
    wait_for 60 PostgreSQL "$root/deploy/stack/postgres" database --dir "$scratch/postgres" --port "$postgres_port"
    export ACTIVITY_POSTGRES_URL
    ACTIVITY_POSTGRES_URL=postgresql://activity_migrator:$(<"$scratch/local/stack/secrets/postgres_migrator")@127.0.0.1:$postgres_port/activity
    "$bin/activityctl" migrate >/dev/null
    "$bin/activityctl" partitions create --days-ahead 2 --days-back 2 >/dev/null
    "$root/deploy/stack/postgres" roles --dir "$scratch/postgres" --port "$postgres_port" >/dev/null
    ACTIVITY_POSTGRES_URL=postgresql://worker:$(<"$scratch/local/stack/secrets/postgres_worker")@127.0.0.1:$postgres_port/activity
}

# CPU so far of the server and all of its processes, those that have ended among them, in ms.
postgres_cpu_ms() {
    local pid total=0
    for pid in $postgres_pid $(pgrep -P "$postgres_pid"); do
        total=$((total + $(awk -v all="$([[ $pid == "$postgres_pid" ]] && echo 1 || echo 0)" \
            '{ sub(/.*\) /, ""); print ($12 + $13 + all * ($14 + $15)) * 10 }' "/proc/$pid/stat" 2>/dev/null || echo 0)))
    done
    echo "$total"
}

# records COUNT COURSE HOT ACTIVITY…: canonical records as `activityctl produce --format json` takes them, of 20,000
# learners and the activities by turns. COURSE names one course for all; empty: 40 of them. HOT is the share of the
# records that are one learner's.
records() {
    perl -e '
        use Time::HiRes qw(time);
        my ($count, $course, $hot, @activities) = @ARGV;
        my $first_ms = int(time() * 1000) - 3_600_000;
        my $at = do { my @t = gmtime(time()); sprintf("%04d-%02d-%02dT%02d:%02d:%02d.000Z", $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0]) };
        for my $n (0 .. $count - 1) {
            my $ms = $first_ms + int($n / 300);
            my $id = sprintf("%08x-%04x-7%03x-%04x-%04x%08x", $ms >> 16, $ms & 0xffff, $n % 4096, 0x8000 | int(rand(0x4000)), int(rand(0x10000)), int(rand(0xffffffff)));
            my $user = rand() < $hot ? "hot" : "learner-" . ($n * 7919 % 20000);
            my ($activity, $schema) = split /=/, $activities[$n % @activities];
            my $of = $course || "course-" . $n % 40;
            my $solved = $n % 3 ? "false" : "true";
            printf q({"key":"bench/%s","headers":{"message-id":"%s","source":"bench","schema":"%s","received-at":"%s","attempt":"0"},"value":{"messageId":"%s","type":"track","activity":"%s","userId":"%s","source":"bench","occurredAt":"%s","receivedAt":"%s","properties":{"courseId":"%s","lectureId":"lecture-%d","problemId":"problem-%d","solved":%s,"lengthChars":%d},"context":{"library":{"name":"bench","version":"1"}}}}) . "\n",
                $user, $id, $schema, $at, $id, $activity, $user, $at, $at, $of, $n % 200, $n % 3000, $solved, $n % 300;
        }' "$@"
}
# What a lecture brings: live_class COUNT [COURSE]
live_class() { records "$1" "${2-}" 0 'Chat Message Sent=chat_message_sent' 'Question Asked=question_asked' 'Reaction Given=reaction_given'; }
practice() { records "$1" '' 0 'Problem Opened=problem_opened' 'Problem Submitted=problem_submitted' 'Video Played=video_played'; }
hot_learner() { records "$1" '' 0.5 'Dashboard Viewed=dashboard_viewed'; }

# produce TOPIC: what stdin says.
produce() { "$bin/activityctl" produce "$1" --format json >/dev/null 2>"$scratch/produce.log"; }

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
