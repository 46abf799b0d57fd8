#!/usr/bin/env bash
# Fills fuzz/corpus with small seeds: the fixtures and packs of this repository, and a few
# kilobytes of each workload.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cargo build --quiet --example workload --no-default-features
for case in W1.pcap W2.pcap W3.pcapng W4.pcapng; do
  target/debug/examples/workload "${case%%.*}" 6kB "$made/$case" >/dev/null
done
python3 fuzz/seeds.py fuzz/corpus rules "$made" fixtures
