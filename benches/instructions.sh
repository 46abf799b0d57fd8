#!/usr/bin/env bash
# Instructions per packet of the release binary, by callgrind: the figure does not depend on the
# load of the machine. 20 MB of W1 and of W4 are audited, less what an audit of 1 MB costs, so that
# starting up does not count. With `--gate` the exit status is 1 when a figure is above its bar.
#
#   benches/instructions.sh [--gate]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 2; }
# valgrind does not know every instruction that the machine has; zlib-rs and sha2 ask at run time.
cargo build --release --quiet --bin flowaudit --example workload
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0

# instructions FILE: prints how many instructions an audit of it takes.
instructions() {
  local code=0
  valgrind --tool=callgrind --callgrind-out-file="$out/callgrind" --log-file="$out/log" \
    target/release/flowaudit audit "$1" --site benches/site.toml --threads 1 -q >/dev/null 2>"$out/err" || code=$?
  case "$code" in
    0|1|3) sed -n 's/^.*Collected : //p' "$out/log" | tail -n 1 ;;
    *) cat "$out/err" >&2; return 1 ;;
  esac
}

# packets TEXT: the number in front of the word, as the generator prints it.
packets() { sed -n 's/^.*: \([0-9]*\) packets.*$/\1/p' <<<"$1"; }

for case in "W1 pcap 350" "W4 pcapng 450"; do
  read -r workload ending bar <<<"$case"
  short_said=$(target/release/examples/workload "$workload" 1MB "$out/short.$ending")
  long_said=$(target/release/examples/workload "$workload" 20MB "$out/long.$ending")
  short=$(instructions "$out/short.$ending")
  long=$(instructions "$out/long.$ending")
  count=$(($(packets "$long_said") - $(packets "$short_said")))
  each=$(((long - short) / count))
  echo "$workload: $each instructions per packet over $count packets (bar $bar)"
  [ "$each" -le "$bar" ] || status=1
done
[ "${1:-}" = "--gate" ] || status=0
exit "$status"
