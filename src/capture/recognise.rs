//! The first bytes of a file in, what it is out: a capture, a compressed stream, or something else
//! with its name and the advice that helps. Never looks at the file name except where a format has
//! no magic number, and never reads.

use super::compress::Compression;
use super::pcap::Layout;

/// Bytes that recognition wants to see; fewer are enough for small files.
pub(super) const WANTED: usize = 512;

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A pcap file of this layout.
    Pcap(Layout),
    /// A pcapng file.
    Pcapng,
    /// A compressed stream.
    Packed(Compression),
    /// Something else: what it is, and what to do about it.
    Other(&'static str, &'static str),
}

/// Recognises a stream by its first bytes; `path` only helps formats without a magic number.
pub(super) fn recognise(head: &[u8], path: &str) -> Kind {
    if let Some(layout) = Layout::from_magic(head) {
        return Kind::Pcap(layout);
    }
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return *kind;
    }
    if is_etl(head, path) {
        return Kind::Other("is an ETL trace of Windows", "convert it with `etl2pcapng` or `pktmon etl2pcap`");
    }
    if is_erf(head) {
        return Kind::Other("is an ERF trace (Endace)", CONVERT);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Kind::Other("is a tar archive", UNPACK);
    }
    if head.len() < 4 {
        return Kind::Other("are too few bytes for any capture", EXPECTED);
    }
    describe_text(head).unwrap_or(Kind::Other("are bytes of no known capture format", EXPECTED))
}

const EXPECTED: &str = "pcap or pcapng is expected, plain or compressed with gzip, zstd or xz";
const CONVERT: &str = "convert it with `editcap -F pcapng IN OUT`";
const UNPACK: &str = "unpack it and give the captures inside";
const CAPTURE_AGAIN: &str = "give the capture itself, not a text made from it";

/// Magic numbers at offset 0.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"\x0a\x0d\x0d\x0a", Kind::Pcapng),
    (b"\x1f\x8b", Kind::Packed(Compression::Gzip)),
    (b"\x28\xb5\x2f\xfd", Kind::Packed(Compression::Zstd)),
    (b"\xfd7zXZ\x00", Kind::Packed(Compression::Xz)),
    (b"snoop\0\0\0", Kind::Other("is a snoop capture (Solaris)", CONVERT)),
    (b"btsnoop\0", Kind::Other("is a Bluetooth capture (btsnoop)", "it holds no IP traffic to audit")),
    (b"GMBU", Kind::Other("is a Microsoft Network Monitor 2 capture", CONVERT)),
    (b"RTSS", Kind::Other("is a Microsoft Network Monitor 1 capture", CONVERT)),
    (b"iptrace ", Kind::Other("is an iptrace capture (AIX)", CONVERT)),
    (b"XCP\0", Kind::Other("is a NetXRay or Sniffer capture", CONVERT)),
    (b"TRSNIFF data", Kind::Other("is a DOS Sniffer capture", CONVERT)),
    (b"\x7fver", Kind::Other("is an EtherPeek or OmniPeek capture", CONVERT)),
    (b"\x1c\x00\x01\xac", Kind::Other("is an IxVeriWave or Ixia capture", CONVERT)),
    (b"\x1c\x00\x01\xab", Kind::Other("is an IxVeriWave or Ixia capture", CONVERT)),
    (b"\x89PNG", Kind::Other("is a picture (PNG)", EXPECTED)),
    (b"%PDF", Kind::Other("is a PDF document", EXPECTED)),
    (b"PK\x03\x04", Kind::Other("is a zip archive", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind::Other("is a 7z archive", UNPACK)),
    (b"Rar!", Kind::Other("is a RAR archive", UNPACK)),
    (b"BZh", Kind::Other("is bzip2 data", "unpack it with `bunzip2` first")),
    (b"\x04\x22\x4d\x18", Kind::Other("is LZ4 data", "unpack it with `lz4 -d` first")),
    (b"LZIP", Kind::Other("is lzip data", "unpack it with `lzip -d` first")),
    (b"\x7fELF", Kind::Other("is a program", EXPECTED)),
    (b"MZ", Kind::Other("is a Windows program", EXPECTED)),
    (b"%PDF", Kind::Other("is a PDF document", EXPECTED)),
    (b"ElfFile\0", Kind::Other("is a Windows event log", "give the network trace, not the event log")),
];

/// An event trace log: its first buffer starts with the buffer's size, and the trace header at
/// offset 0x48 carries the marker 0xC0 of system trace headers.
fn is_etl(head: &[u8], path: &str) -> bool {
    let named = path.get(path.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".etl"));
    let Some(size) = head.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)) else { return named };
    let sized = size.is_multiple_of(1024) && (1024..=16 << 20).contains(&size);
    named || (sized && head.get(0x4b) == Some(&0xc0))
}

/// ERF has no magic number: two records in a row must have a known type and a possible length.
fn is_erf(head: &[u8]) -> bool {
    let mut rest = head;
    let mut records: u32 = 0;
    while let Some(record) = rest.first_chunk::<16>() {
        let kind = record[8] & 0x7f;
        let length = usize::from(u16::from_be_bytes([record[10], record[11]]));
        if !(1..=48).contains(&kind) || length < 16 {
            return false;
        }
        records = records.saturating_add(1);
        rest = rest.get(length..).unwrap_or_default();
    }
    records >= 2
}

/// Names what a person may have saved by mistake; `None` if the bytes are not text.
fn describe_text(head: &[u8]) -> Option<Kind> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The first bytes of a text may end inside a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.chars().any(|character| character.is_control() && !character.is_whitespace()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    Some(if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        Kind::Other("is an HTML page", "download the capture itself, not the page about it")
    } else if lower.starts_with("<?xml") {
        Kind::Other("is an XML document", CAPTURE_AGAIN)
    } else if lower.starts_with('{') || lower.starts_with('[') {
        Kind::Other("is JSON or a configuration text", CAPTURE_AGAIN)
    } else if lower.starts_with("version https://git-lfs") {
        Kind::Other("is a Git LFS pointer", "fetch the file itself with `git lfs pull`")
    } else {
        Kind::Other("is text", CAPTURE_AGAIN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], path: &str, expected: &str) {
        let found = match recognise(head, path) {
            Kind::Pcap(_) => "pcap",
            Kind::Pcapng => "pcapng",
            Kind::Packed(compression) => compression.name(),
            Kind::Other(found, _) => found,
        };
        assert!(found.contains(expected), "{path}: {found} is not {expected}");
    }

    #[test]
    fn files_are_known_by_their_first_bytes() {
        let mut etl = vec![0_u8; 128];
        etl[1..3].copy_from_slice(&[0x00, 0x01]);
        etl[0x4b] = 0xc0;
        let mut erf = vec![0_u8; 64];
        for record in erf.chunks_mut(32) {
            record[8] = 2;
            record[11] = 32;
        }
        let cases: &[(&[u8], &str, &str)] = &[
            (b"\xd4\xc3\xb2\xa1", "a", "pcap"),
            (b"\xa1\xb2\x3c\x4d", "a", "pcap"),
            (b"\x34\xcd\xb2\xa1", "a", "pcap"),
            (b"\x0a\x0d\x0d\x0a", "a", "pcapng"),
            (b"\x1f\x8b\x08", "a", "gzip"),
            (b"snoop\0\0\0\0\0\0\x02", "a", "snoop"),
            (&etl, "a", "ETL"),
            (b"\x00\x00\x00\x00", "trace.ETL", "ETL"),
            (&erf, "a", "ERF"),
            (b"  <!DOCTYPE html><html>", "a.pcap", "HTML"),
            (b"no time source destination", "a.txt", "text"),
            (b"{\"a\": 1}", "a", "JSON"),
            (b"\x00\x01\x02\x03", "a", "no known"),
            (b"\xd4", "a", "too few bytes"),
            (b"", "a", "too few bytes"),
        ];
        for (head, path, expected) in cases {
            check(head, path, expected);
        }
    }
}
