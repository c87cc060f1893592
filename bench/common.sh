# What the benchmarks have in common; sourced by `bench/run`, `bench/decisions` and `bench/nodes`. They set `name` before, and `rows` come
# of `row`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

say() { printf '%s\n' "$*" >&2; }
die() { say "$name: $*"; exit 1; }

server=${PORTCULLIS_BIN:-} tool=${PORTCULLIS_BENCH_BIN:-}
# Settings of whoever runs this are not what is measured.
for setting in ${!PORTCULLIS_@}; do unset "$setting"; done

if ! command -v wrk >/dev/null; then
    as_root=
    ((EUID == 0)) || as_root=sudo
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq wrk >/dev/null
fi
if [[ -z $server || -z $tool ]]; then
    (cd "$root" && cargo build --release -p portcullis -p portcullis-bench)
    built=${CARGO_TARGET_DIR:-$root/target}/release
    server=${server:-$built/portcullis} tool=${tool:-$built/portcullis-bench}
fi
server=$(realpath "$server") tool=$(realpath "$tool")

mkdir -p "${BENCH_DIR:=$root/target/bench}"
work=$(mktemp -d "$(realpath "$BENCH_DIR")/run.XXXXXX")
server_pid=
begin=$SECONDS

# Ends the server in good order; one that does not end within 35 seconds is killed, and that is a failure.
stop_server() {
    local pid=$server_pid
    server_pid=
    [[ $pid ]] || return 0
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < 350; i++)); do
        kill -0 "$pid" 2>/dev/null || { wait "$pid" || die "the server ended with an error; its output was: $(tail -n 5 "$folder/server.log")"; return 0; }
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    die "the server did not end"
}
clean_up() {
    [[ -z $server_pid ]] || { kill -KILL "$server_pid" && wait "$server_pid"; } 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# start_server FOLDER [FLAG...]: a server on the store of that folder, or on `database`; sets server_pid, url, and what `use` sets.
start_server() {
    use "$1"
    shift
    : >"$folder/server.log"
    "$server" serve --listen 127.0.0.1:0 --auth-failure-limit off --rate-limit off --rate-limit-per-address off --database "${database:-sqlite:$folder/portcullis.db}" "$@" >"$folder/server.log" 2>&1 &
    server_pid=$!
    for ((i = 0; i < 300; i++)); do
        url=$(sed -n 's/.*listening on \(http:[^[:space:]]*\).*/\1/p' "$folder/server.log")
        [[ -z $url ]] || return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    die "the server did not start; its output was: $(tail -n 5 "$folder/server.log")"
}
use() {
    folder=$1
    token=$(field api_token "$folder/init.json")
    account=$(field account_id "$folder/init.json")
}
field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' "$2"; }

# load SECONDS PATH [WRK ARGUMENT...]: the output of wrk in $work/wrk. A rate of failures is no measurement.
load() {
    local seconds=$1 path=$2
    shift 2
    timeout $((seconds + 20)) wrk -t1 -c16 "-d${seconds}s" --header "Authorization: Bearer $token" "$url$path" "$@" >"$work/wrk"
    ! grep -E 'Non-2xx|Socket errors' "$work/wrk" >&2 || die "some requests of $path failed"
}
rate() { load "$@"; awk '/^Requests\/sec/ { print $2 }' "$work/wrk"; }

median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { printf "%s", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }

rows=() missed=0
# row WHAT VALUE UNIT [< or > TARGET]
row() {
    local target='' verdict=''
    if (($# > 3)); then
        target="$([[ $4 == '<' ]] && echo ≤ || echo ≥) $5${3:+ $3}"
        verdict=met
        awk "BEGIN { exit !($2 $4= $5) }" || { verdict='**missed**'; missed=$((missed + 1)); }
    fi
    rows+=("| $1 | $2${3:+ $3} | $target | $verdict |")
    say "  $1: $2${3:+ $3}${verdict:+ ($target: $verdict)}"
}

# table [MORE]: the machine, the commit and what was measured.
table() {
    printf 'Measured on %s, at commit %s: %s processors (%s), Linux %s%s.\n\n' \
        "$(date -u +%F)" "$(git -C "$root" rev-parse --short HEAD)" "$(nproc)" \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(uname -r)" "${1:-}"
    printf '| what | measured | target | |\n| --- | --- | --- | --- |\n'
    printf '%s\n' "${rows[@]}"
}

# write_table MARKER [MORE]: puts the table between the markers of that name in docs/performance.md.
write_table() {
    local document=$root/docs/performance.md marker=$1
    table "${2:-}" >"$work/table"
    awk -v table="$work/table" -v marker="$marker" '
        index($0, "<!-- " marker ": end -->") { inside = 0 }
        !inside { print }
        index($0, "<!-- " marker ": begin -->") { inside = 1; while ((getline line < table) > 0) print line }
    ' "$document" >"$work/document"
    cat "$work/document" >"$document"
}
