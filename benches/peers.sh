#!/usr/bin/env bash
# CPU time of an audit against that of other programs on the same capture: each pair alternates, and
# the figure is the median of the ratios, flowaudit first, so below 1 flowaudit takes less. Programs
# that are not installed are named and left out. The audit is the whole one, with its report.
#
#   benches/peers.sh [WORKLOAD] [SIZE] [PAIRS]        W1, 1GB and 3 unless said otherwise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

workload=${1:-W1}
size=${2:-1GB}
pairs=${3:-3}
[ "$pairs" -ge 1 ] || { echo "at least one pair is needed" >&2; exit 2; }
cargo build --release --quiet --bin flowaudit --example workload
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
capture=$out/capture
target/release/examples/workload "$workload" "$size" "$capture"
mkdir "$out/flows"

# seconds COMMAND…: user and system time, as bash measures it, of a command that must not fail.
# An audit that finds something ends with 1, one with incomplete evidence with 3.
seconds() {
  local code=0 TIMEFORMAT='%U %S'
  { time "$@" >"$out/said" 2>&1; } 2>"$out/time" || code=$?
  case "$code" in
    0) ;;
    1|3) [ "$1" = target/release/flowaudit ] || return 1 ;;
    *) return 1 ;;
  esac
  awk '{print $1 + $2}' "$out/time"
}

audit() { seconds target/release/flowaudit audit "$capture" --site benches/site.toml; }

# against NAME COMMAND…
against() {
  local name=$1 own other
  shift
  command -v "$1" >/dev/null || { echo "$name: not installed, left out"; return; }
  : >"$out/ratios"
  for _ in $(seq "$pairs"); do
    own=$(audit) || { cat "$out/said" >&2; exit 2; }
    other=$(seconds "$@") || { echo "$name: failed on $workload, left out"; return; }
    echo "$own $other" | awk '{printf "%.3f %s %s\n", $1 / ($2 > 0 ? $2 : 0.001), $1, $2}' >>"$out/ratios"
  done
  sort -n "$out/ratios" | awk -v name="$name" '{r[NR] = $1; a[NR] = $2; b[NR] = $3}
    END {m = int((NR + 1) / 2)
      printf "%s: ratio %s (%s to %s); flowaudit %s s, peer %s s\n", name, r[m], r[1], r[NR], a[m], b[m]}'
}

against "tcpdump with the matrix as BPF" tcpdump -r "$capture" -w /dev/null -F benches/matrix.bpf
against "softflowd" softflowd -r "$capture" -n 127.0.0.1:9
against "nfpcapd" nfpcapd -r "$capture" -l "$out/flows"
against "argus" argus -X -r "$capture" -w /dev/null
against "capinfos" capinfos -c "$capture"
against "tshark conversations" tshark -n -r "$capture" -qz conv,tcp
