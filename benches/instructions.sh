#!/usr/bin/env bash
# Instructions per packet of the release binary, by callgrind: the figure does not depend on the
# load of the machine. 20 MB of W1 and of W4 are audited, less what an audit of 1 MB costs, so that
# starting up does not count. With `--gate` the exit status is 1 when a figure is more than 3 % above
# that of `instructions.txt`, with `--store` that file is written. The figures depend on the compiler,
# so its version is stored with them, and another one is said aloud.
#
#   benches/instructions.sh [--gate | --store]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 2; }
# valgrind does not know every instruction that the machine has; zlib-rs and sha2 ask at run time.
cargo build --release --quiet --bin flowaudit
# The generator is quick enough as the tests build it; another profile would build everything that tests need anew.
cargo build --quiet --example workload
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0

# instructions FILE: prints how many instructions an audit of it takes.
instructions() {
  local code=0
  valgrind --tool=callgrind --callgrind-out-file="$out/callgrind" --log-file="$out/log" \
    target/release/flowaudit audit "$1" --site benches/site.toml -q --sandbox off >/dev/null 2>"$out/err" || code=$?
  case "$code" in
    0|1|3) sed -n 's/^.*Collected : //p' "$out/log" | tail -n 1 ;;
    *) cat "$out/err" >&2; return 1 ;;
  esac
}

# packets TEXT: the number in front of the word, as the generator prints it.
packets() { sed -n 's/^.*: \([0-9]*\) packets.*$/\1/p' <<<"$1"; }

stored=benches/instructions.txt
compiler=$(rustc --version)
known=$(sed -n 's/^compiler //p' "$stored" 2>/dev/null || true)
[ "${1:-}" = "--store" ] || [ "$known" = "$compiler" ] ||
  echo "the stored figures are those of ${known:-no compiler}; this is $compiler: store them anew if all of them moved" >&2
echo "compiler $compiler" >"$out/figures"

for case in "W1 pcap" "W4 pcapng"; do
  read -r workload ending <<<"$case"
  short_said=$(target/debug/examples/workload "$workload" 1MB "$out/short.$ending")
  long_said=$(target/debug/examples/workload "$workload" 20MB "$out/long.$ending")
  short=$(instructions "$out/short.$ending")
  long=$(instructions "$out/long.$ending")
  count=$(($(packets "$long_said") - $(packets "$short_said")))
  each=$(((long - short) / count))
  before=$(sed -n "s/^$workload //p" "$stored" 2>/dev/null || true)
  echo "$workload: $each instructions per packet over $count packets (stored: ${before:-none})"
  echo "$workload $each" >>"$out/figures"
  [ -n "$before" ] && [ $((each * 100)) -le $((before * 103)) ] || status=1
done
if [ "${1:-}" = "--store" ]; then
  cp "$out/figures" "$stored"
  exit 0
fi
[ "${1:-}" = "--gate" ] || status=0
exit "$status"
