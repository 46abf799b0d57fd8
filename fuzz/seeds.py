#!/usr/bin/env python3
"""Seeds for the fuzz targets out of captures and packs.

    seeds.py CORPUS RULES FOLDER...

Every capture below a FOLDER becomes a seed of the file targets when it is small; the first frames
of each become seeds of `frame`, the first payloads of each TCP or UDP pair seeds of `dissect`.
"""
import pathlib
import struct
import sys

LARGEST_FILE = 64 << 10
MOST_PAIRS = 40


def pcap(data):
    """(link type, frame) of a classic little-endian pcap."""
    link = struct.unpack("<I", data[20:24])[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack("<I", data[at + 8:at + 12])[0]
        yield link, data[at + 16:at + 16 + length]
        at += 16 + length


def pcapng(data):
    """(link type, frame) of the enhanced packet blocks of a little-endian pcapng."""
    links, at = [], 0
    while at + 12 <= len(data):
        kind, length = struct.unpack("<II", data[at:at + 8])
        if length < 12:
            return
        body = data[at + 8:at + length - 4]
        if kind == 0x0A0D0D0A:
            links = []
        elif kind == 1 and len(body) >= 8:
            links.append(struct.unpack("<H", body[:2])[0])
        elif kind == 6 and len(body) >= 20:
            interface, captured = struct.unpack("<I", body[:4])[0], struct.unpack("<I", body[12:16])[0]
            if interface < len(links):
                yield links[interface], body[20:20 + captured]
        at += length


def payload(frame):
    """((protocol, ends), source, payload) of plain IPv4 in Ethernet, else None."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00" or frame[14] >> 4 != 4:
        return None
    ip = frame[14:14 + struct.unpack(">H", frame[16:18])[0]]
    protocol, upper = ip[9], ip[(ip[0] & 15) * 4:]
    if protocol not in (6, 17) or len(upper) < (20 if protocol == 6 else 8):
        return None
    source, destination = ip[12:16] + upper[:2], ip[16:20] + upper[2:4]
    start = (upper[12] >> 4) * 4 if protocol == 6 else 8
    return (protocol, frozenset((source, destination))), source, upper[start:]


def write(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def seed(corpus, path):
    data, name = path.read_bytes(), path.name
    blocks = data[:4] == b"\x0a\x0d\x0d\x0a"
    if len(data) <= LARGEST_FILE:
        write(corpus / ("pcapng_file" if blocks else "pcap_file"), name, data)
        write(corpus / "whole", name, data)
    if not blocks and data[:4] != b"\xd4\xc3\xb2\xa1":
        return
    frames, pairs = [], {}
    for link, frame in (pcapng if blocks else pcap)(data):
        if len(frames) < 6:
            frames.append((link, frame[:1600]))
        found = payload(frame)
        if found and found[2] and (found[0] in pairs or len(pairs) < MOST_PAIRS):
            sides = pairs.setdefault(found[0], {})
            sides[found[1]] = sides.get(found[1], b"")[:2048] + found[2][:2048]
    for index, (link, frame) in enumerate(frames):
        write(corpus / "frame", f"{name}-{index}", struct.pack("<HH", link, len(frame)) + frame)
    for index, ((protocol, _), sides) in enumerate(pairs.items()):
        client, server = (list(sides.values()) + [b""])[:2]
        head = struct.pack("<BH", 30 | (protocol == 17), len(client))
        write(corpus / "dissect", f"{name}-{index}", head + client + server)


def main():
    corpus, rules, *folders = map(pathlib.Path, sys.argv[1:])
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".pcap", ".pcapng", ".cap"):
                seed(corpus, path)
            elif path.name == "site.toml":
                write(corpus / "pack", f"site-{path.parent.name}", path.read_bytes())
    for path in sorted(rules.glob("*.toml")):
        write(corpus / "pack", path.name, path.read_bytes())


if __name__ == "__main__":
    main()
