#!/usr/bin/env bash
# How long headless Chromium takes to draw the page of an audit of 300,000 unexpected flows, beside an
# empty page: best of three each. Needs chromium and python3; writes below target/ alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
room=$PWD/target/page
rm -rf "$room"
mkdir -p "$room"
python3 - "$room/flood.pcap" <<'PYTHON'
import struct, sys

# Every flow from another source, to one of 7,500 addresses and one of 40,000 ports.
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    for number in range(300_000):
        source = 0x0A000000 + number * 7 % 0x1000000
        target = 0xAC100000 + number % 7500
        tcp = struct.pack(">HHIIBBHHH", 50000, number % 40000 + 1000, number, 0, 0x50, 2, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 40, number % 65535, 0, 64, 6, 0, source, target)
        file.write(struct.pack("<IIII", 1795354441 + number // 1000, number % 1000 * 1000, 40, 40) + ip + tcp)
PYTHON
printf "[site]\nvantage = 'ams-server'\nwindow = '0s'\n[roles]\nams-server = '172.16.0.1'\n" >"$room/site.toml"
program=${FLOWAUDIT:-target/release/flowaudit}
[ -x "$program" ] || cargo build --release --quiet --bin flowaudit
# 1 is the exit code of an audit with findings.
"$program" audit "$room/flood.pcap" --site "$room/site.toml" --quiet --html "$room/page.html" ||
  [ $? -eq 1 ]
printf '<!DOCTYPE html><title>empty</title>' >"$room/empty.html"

# Milliseconds from the start of the browser to the picture.
draw() {
  local best=999999 from took
  for _ in 1 2 3; do
    from=$(date +%s%3N)
    chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
      --disable-component-update --disable-sync --user-data-dir="$room/profile" --window-size=1280,1440 \
      --screenshot="$room/page.png" "file://$room/$1" >/dev/null 2>&1
    took=$(($(date +%s%3N) - from))
    [ "$took" -ge "$best" ] || best=$took
  done
  echo "$best"
}

empty=$(draw empty.html)
page=$(draw page.html)
echo "page $(stat -c %s "$room/page.html") bytes; empty page ${empty} ms, this page ${page} ms"
