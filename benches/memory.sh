#!/usr/bin/env bash
# Peak resident memory of an audit of a large capture, by GNU time.
#
#   benches/memory.sh [WORKLOAD] [SIZE]        W1 and 1GB unless said otherwise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -x /usr/bin/time ] || { echo "GNU time is not installed" >&2; exit 2; }
workload=${1:-W1}
size=${2:-1GB}
cargo build --release --quiet --bin flowaudit --example workload
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

target/release/examples/workload "$workload" "$size" "$out/capture"
code=0
/usr/bin/time -v -o "$out/time" \
  target/release/flowaudit audit "$out/capture" --site benches/site.toml -q >/dev/null 2>"$out/err" || code=$?
case "$code" in
  0|1|3) ;;
  *) cat "$out/err" >&2; exit 2 ;;
esac
kilobytes=$(sed -n 's/^.*Maximum resident set size (kbytes): //p' "$out/time")
seconds=$(awk -F': ' '/User time|System time/ {sum += $2} END {print sum}' "$out/time")
echo "$workload $size: peak $((kilobytes / 1024)) MiB resident, $seconds s of CPU"
