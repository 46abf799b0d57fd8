#!/usr/bin/env bash
# A watch under load, between two network namespaces with a virtual cable: a capture is sent into one end
# again and again, the other end is watched. Three parts:
#
#   1. which rate the watch takes without loss (left out where a rate is given): doubled until packets are
#      lost, then halved in between, two minutes each (what holds for seconds may not hold once flows are folded),
#      and three quarters of what was found;
#   2. MINUTES at this rate;
#   3. a sixth as long with the watch stopped (SIGSTOP) for three seconds out of twenty.
#
# Resident memory is looked at every ten seconds. Ends with 0 when in every part, to the packet,
#
#   sent = read + reported lost
#
# and memory is flat: in the second half of part 2 at most a tenth above the first (its first minute apart).
# Needs root, iproute2, tcpreplay and python3; nothing leaves the two namespaces.
#
#   benches/soak.sh [MINUTES [PACKETS_PER_SECOND]]            (30 minutes)
#
# CAPTURE is what is sent (20 MB of W1), WORDS what the watch is told beside (--max-flows 20000), REPLAY what
# tcpreplay is told beside (--unique-ip: no flow comes twice).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:-30}
rate=${2:-}
program=${FLOWAUDIT:-target/release/flowaudit}
[ -x "$program" ] || cargo build --release --quiet --bin flowaudit
out=$(mktemp -d)
chmod 777 "$out"
capture=${CAPTURE:-$out/w1.pcap}
[ -e "$capture" ] || cargo run --quiet --release --example workload -- W1 20MB "$capture"
read -ra words <<<"${WORDS:-}"
read -ra replay <<<"${REPLAY:-}"
a=soak-$$-a b=soak-$$-b
watch='' helpers=()
cleanup() {
  [ -z "$watch" ] || kill -KILL "$watch" 2>/dev/null || true
  [ "${#helpers[@]}" -eq 0 ] || kill "${helpers[@]}" 2>/dev/null || true
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  rm -rf "$out"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
for side in "$a" "$b"; do
  ip netns add "$side"
  ip netns exec "$side" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
done
# As a network card has it: the larger the packets may be, the fewer of them the ring of the kernel holds.
ip link add veth0 netns "$a" type veth peer veth0 netns "$b"
for side in "$a" "$b"; do ip -n "$side" link set veth0 mtu 1500 up; done

# What came to the watched end so far, by the kernel's count.
arrived() { ip netns exec "$b" cat /sys/class/net/veth0/statistics/rx_packets; }

start_watch() {
  rm -f "$out"/{events.jsonl,audit.json}
  # Before what else runs on this machine: that is not what is measured.
  ip netns exec "$b" nice -n -10 "$program" watch -i veth0 --site benches/site.toml -q --json "$out/audit.json" \
    --events "$out/events.jsonl" "${words[@]}" 2>"$out/said" &
  watch=$!
  for _ in $(seq 100); do grep -q '"start"' "$out/events.jsonl" 2>/dev/null && return; sleep 0.1; done
  cat "$out/said"
  return 1
}

# Ends the watch, and sets `read` and `lost` from its report.
end_watch() {
  kill -INT "$watch"
  # Findings and lost packets are answers.
  wait "$watch" || [ $? -eq 1 ] || [ $? -eq 3 ] || { cat "$out/said"; return 1; }
  watch=''
  read -r read lost < <(python3 -c '
import json, sys
audit = json.load(open(sys.argv[1]))
print(audit["inputs"][0]["packets"], audit["quality"]["drops"])' "$out/audit.json")
}

# send SECONDS RATE
send() {
  ip netns exec "$a" nice -n -10 tcpreplay -q -K -i veth0 --pps="$2" --loop=0 --duration="$1" "${replay[@]}" "$capture" \
    >"$out/replay" 2>&1
}

# Resident memory every ten seconds: what the process has for itself, and all of it with the ring.
sample() {
  local from=$SECONDS
  while sleep 10; do
    awk -v at=$((SECONDS - from)) '/^RssAnon/ { own = $2 } /^VmRSS/ { all = $2 } END { print at, own, all }' \
      "/proc/$watch/status" 2>/dev/null || return 0
  done
}

# part NAME SECONDS RATE [stopped]: whether the sum closes.
part() {
  local before helper sent
  start_watch
  before=$(arrived)
  sample >"$out/memory" &
  helpers=($!)
  if [ "${4:-}" = stopped ]; then
    (while sleep 17; do kill -STOP "$watch"; sleep 3; kill -CONT "$watch"; done 2>/dev/null) &
    helpers+=($!)
  fi
  send "$2" "$3"
  for helper in "${helpers[@]}"; do kill "$helper" 2>/dev/null || true; done
  helpers=()
  kill -CONT "$watch"
  sleep 0.5
  sent=$(($(arrived) - before))
  end_watch
  echo "$1: $2 s at $3 packets/s: $sent sent = $read read + $lost lost"
  [ $((read + lost)) -eq "$sent" ] || { echo "$1: DOES NOT CLOSE"; return 1; }
}

if [ -z "$rate" ]; then
  low=0 high=0 next=20000
  while [ "$high" -eq 0 ] || [ $((high - low)) -gt $((low / 8)) ]; do
    part search 120 "$next" >"$out/trial"
    cat "$out/trial"
    if [ "$lost" -eq 0 ] && [ "$read" -ge $((next * 104)) ]; then low=$next; else high=$next; fi
    if [ "$high" -eq 0 ]; then next=$((next * 2)); else next=$(((low + high) / 2)); fi
  done
  rate=$((low * 3 / 4))
  echo "without loss: $low packets/s; three quarters of it from here on"
fi

code=0
part steady $((minutes * 60)) "$rate" || code=1
awk '{ print "  " $1 " s: " $2 " kB, with the ring " $3 " kB" }' "$out/memory"
awk '
  { at[NR] = $1; own[NR] = $2 }
  END {
    for (i = 1; i <= NR; i++) {
      if (at[i] > 60 && at[i] <= at[NR] / 2 && own[i] > first) first = own[i]
      if (at[i] > at[NR] / 2 && own[i] > second) second = own[i]
    }
    print "at most " first " kB in the first half, " second " kB in the second"
    exit (first > 0 && second > first * 1.1)
  }' "$out/memory" || { echo "memory: NOT FLAT"; code=1; }
part stopped $((minutes * 10)) "$rate" stopped || code=1
exit "$code"
