#!/usr/bin/env bash
# CPU time of a whole audit, its report included, against that of other programs on the same capture,
# as a Markdown table: each pair alternates, and a ratio is the median over the pairs of flowaudit's user
# and system time by the other's, so below 1 flowaudit takes less. Last comes peak memory. Programs that
# are not installed, or that cannot read a capture, are said and left out. The load of the machine moves
# both sides of a pair; bare seconds mean little.
#
#   benches/peers.sh [--quick] [PAIRS]        3 pairs unless said otherwise; --quick takes a tenth of the sizes
#
# ONLY is a pattern (ERE): lines that do not match it are left out.
#
# Debian: apt-get install tcpdump softflowd nfdump argus-server tshark libndpi-bin time
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

full=1000 slice=100 middle=300
[ "${1:-}" != "--quick" ] || { full=100 slice=10 middle=30; shift; }
pairs=${1:-3}
[ "$pairs" -ge 1 ] || { echo "at least one pair is needed" >&2; exit 2; }
cargo build --release --quiet --bin flowaudit --example workload
CARGO_TARGET_DIR=target/peers cargo build --release --quiet --locked --manifest-path benches/peers/Cargo.toml
audit=$PWD/target/release/flowaudit
other=$PWD/target/peers/release
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/flows"

# made WORKLOAD MEGABYTES: the path of the capture, written when first asked for.
made() {
  local path=$out/$1-$2
  [ -e "$path" ] || target/release/examples/workload "$1" "$2MB" "$path" >/dev/null
  echo "$path"
}

# seconds COMMAND…: user and system time, as bash measures it, of a command that must not fail.
# An audit that finds something ends with 1, one with incomplete evidence with 3.
seconds() {
  local code=0 TIMEFORMAT='%U %S'
  { time timeout 900 "$@" >"$out/said" 2>&1; } 2>"$out/time" || code=$?
  case "$code" in
    0) ;;
    1|3) [ "$1" = "$audit" ] || return 1 ;;
    *) return 1 ;;
  esac
  awk '{print $1 + $2}' "$out/time"
}

# line WHAT RATIO RANGE BAR: one line of the table.
line() {
  awk -v what="$1" -v ratio="$2" -v range="$3" -v bar="$4" 'BEGIN {
    verdict = bar == "" ? "" : (ratio <= bar ? "met" : "missed")
    printf "| %s | %.3f | %s | %s | %s |\n", what, ratio, range, bar == "" ? "" : sprintf("%.3g", bar), verdict }'
}

# pair WHAT BAR OWN-CAPTURE COMMAND…: the audit of a capture against a command.
pair() {
  local what=$1 bar=$2 capture=$3 own peer
  shift 3
  [[ $what =~ ${ONLY:-.} ]] || return 0
  command -v "$1" >/dev/null || { echo "$what: $1 is not installed, left out" >&2; return; }
  : >"$out/ratios"
  for _ in $(seq "$pairs"); do
    own=$(seconds "$audit" audit "$capture" --site benches/site.toml) || { cat "$out/said" >&2; exit 2; }
    peer=$(seconds "$@") || { echo "$what: it failed, left out" >&2; return; }
    awk -v own="$own" -v peer="$peer" 'BEGIN {print own / (peer > 0 ? peer : 0.001)}' >>"$out/ratios"
  done
  sort -g "$out/ratios" >"$out/sorted"
  line "$what" "$(sed -n "$(((pairs + 1) / 2))p" "$out/sorted")" \
    "$(awk '{r[NR] = $1} END {printf "%.3f to %.3f", r[1], r[NR]}' "$out/sorted")" "$bar"
}

# peak WHAT BAR CAPTURE: peak resident memory in millions of bytes.
peak() {
  local said
  said=$(benches/memory.sh "$3") || { echo "$1: left out" >&2; return; }
  awk -v what="$1" -v bar="$2" '/ peak / {
    sub(/^.* peak /, ""); printf "| %s | %d | | %s | %s |\n", what, $1, bar, $1 + 0 <= bar ? "met" : "missed" }' <<<"$said"
}

w1=$(made W1 $full)
w2=$(made W2 $full)
w3=$(made W3 $full)
w1_slice=$(made W1 $slice)
w2_middle=$(made W2 $middle)

echo "| flowaudit against | ratio | range | bar | |"
echo "|---|---|---|---|---|"
pair "W1: touching the first 64 bytes of each packet" 1.4 "$w1" "$other/touch" "$w1"
pair "W1: tcpdump with the matrix as filter" 0.40 "$w1" tcpdump -r "$w1" -w /dev/null -F benches/matrix.bpf
pair "W2: tcpdump with the matrix as filter" 0.70 "$w2" tcpdump -r "$w2" -w /dev/null -F benches/matrix.bpf
pair "W1: softflowd" 0.2 "$w1" softflowd -r "$w1" -n 127.0.0.1:9
pair "W1: nfpcapd" 0.125 "$w1" nfpcapd -r "$w1" -l "$out/flows"
pair "W1: argus" 0.1 "$w1" argus -X -r "$w1" -w /dev/null
pair "W2, $middle MB: argus" 0.05 "$w2_middle" argus -X -r "$w2_middle" -w /dev/null
pair "W1, $slice MB: tshark's conversations" 0.02 "$w1_slice" tshark -n -r "$w1_slice" -qz conv,tcp
pair "W1, $slice MB: ndpiReader" "" "$w1_slice" ndpiReader -q -d -i "$w1_slice"
pair "W1: libpcap, etherparse and a HashMap" 0.333 "$w1" "$other/plain" "$w1"
pair "W2: libpcap, etherparse and a HashMap" 0.2 "$w2" "$other/plain" "$w2"
pair "W3, pcapng: the same packets as pcap" 1.1 "$w3" "$audit" audit "$w1" --site benches/site.toml
peak "peak memory, W1, MB" 48 "$w1"
peak "peak memory, W2 (1 M flows), MB" 180 "$w2"
