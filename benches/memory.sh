#!/usr/bin/env bash
# Peak resident memory of an audit of a large capture, by GNU time. With MOST, the exit status is 1 when it is more
# than so many million bytes.
#
#   benches/memory.sh [WORKLOAD] [SIZE] [MOST]        W1 and 1GB unless said otherwise
#   benches/memory.sh CAPTURE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -x /usr/bin/time ] || { echo "GNU time is not installed" >&2; exit 2; }
workload=${1:-W1}
size=${2:-1GB}
cargo build --release --quiet --bin flowaudit
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

if [ -f "$workload" ]; then
  capture=$workload size=
else
  # As for the instructions: the generator is quick enough as the tests build it.
  cargo build --quiet --example workload
  capture=$out/capture
  target/debug/examples/workload "$workload" "$size" "$capture"
fi
code=0
/usr/bin/time -v -o "$out/time" \
  target/release/flowaudit audit "$capture" --site benches/site.toml -q >/dev/null 2>"$out/err" || code=$?
case "$code" in
  0|1|3) ;;
  *) cat "$out/err" >&2; exit 2 ;;
esac
kilobytes=$(sed -n 's/^.*Maximum resident set size (kbytes): //p' "$out/time")
seconds=$(awk -F': ' '/User time|System time/ {sum += $2} END {print sum}' "$out/time")
megabytes=$(((kilobytes * 1024 + 999999) / 1000000))
echo "$workload${size:+ $size}: peak $megabytes MB ($((kilobytes / 1024)) MiB) resident, $seconds s of CPU"
[ -z "${3:-}" ] || [ "$megabytes" -le "$3" ] || { echo "that is more than $3 MB" >&2; exit 1; }
