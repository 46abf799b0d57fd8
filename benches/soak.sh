#!/usr/bin/env bash
# A watch under load for minutes: a capture is sent over a virtual cable in a network namespace of its
# own, again and again, and every fourth time the watch is stopped for two seconds meanwhile. Prints the
# sums and the resident memory as it goes; at the end the sum has to close to the packet:
#
#   sent = read + reported lost
#
# Ends with 0 when it does. Needs root, iproute2 and tcpreplay; nothing leaves the two namespaces.
#
#   benches/soak.sh [MINUTES [PACKETS_PER_SECOND]]      (30 minutes, 60000 packets a second)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:-30}
rate=${2:-60000}
program=${FLOWAUDIT:-target/release/flowaudit}
[ -x "$program" ] || cargo build --release --quiet --bin flowaudit
capture=fixtures/d-blocked.pcap
packets=678
loops=$((rate * 5 / packets))
out=$(mktemp -d)
a=soak-$$-a b=soak-$$-b
cleanup() {
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  rm -rf "$out"
}
trap cleanup EXIT
chmod 777 "$out"
for side in "$a" "$b"; do
  ip netns add "$side"
  ip netns exec "$side" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
done
ip link add veth0 netns "$a" mtu 65535 type veth peer veth0 netns "$b"
for side in "$a" "$b"; do ip -n "$side" link set veth0 mtu 65535 up; done

ip netns exec "$b" "$program" watch -i veth0 --site fixtures/site.toml -q --json "$out/audit.json" \
  --events "$out/events.jsonl" 2>"$out/said" &
watch=$!
for _ in $(seq 100); do grep -q '"start"' "$out/events.jsonl" 2>/dev/null && break; sleep 0.1; done

resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$watch/status"; }
sent=0 round=0 first='' most=0
end=$((SECONDS + minutes * 60))
while [ "$SECONDS" -lt "$end" ]; do
  round=$((round + 1))
  stopped=''
  if [ $((round % 4)) -eq 0 ]; then
    kill -STOP "$watch"
    stopped=', stopped for 2 s'
    (sleep 2; kill -CONT "$watch") &
    waker=$!
  fi
  ip netns exec "$a" tcpreplay -q -i veth0 --pps="$rate" --loop="$loops" "$capture" >"$out/replay" 2>&1
  [ -z "$stopped" ] || wait "$waker"
  sent=$((sent + loops * packets))
  sleep 0.5
  now=$(resident)
  [ "$round" -ne 4 ] || first=$now
  [ "$now" -le "$most" ] || most=$now
  echo "round $round: $sent sent, $now kB resident$stopped"
done
kill -INT "$watch"
code=0
wait "$watch" || code=$?
read -r read lost < <(python3 -c '
import json, sys
audit = json.load(open(sys.argv[1]))
print(audit["inputs"][0]["packets"], audit["quality"]["drops"])' "$out/audit.json")
echo "exit $code; $sent sent = $read read + $lost lost$([ $((read + lost)) -eq "$sent" ] || echo ': DOES NOT CLOSE')"
echo "resident: ${first:-?} kB after 4 rounds, $most kB at most"
[ $((read + lost)) -eq "$sent" ]
