//! Captures made by code, read back: whole, cut at every byte, in short reads, with failing reads,
//! compressed, several at once and in any order.

use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;

use super::{Capture, CaptureError, Note, Options};
use crate::ledger::InputState;
use crate::wire::{Course, Timestamp};

/// What a frame came to: (nanoseconds, input, number, tap, first byte, length).
type Seen = (i64, u32, u32, u32, u8, usize);

fn u32s(big: bool, values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| if big { value.to_be_bytes() } else { value.to_le_bytes() }).collect()
}

fn u16s(big: bool, values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| if big { value.to_be_bytes() } else { value.to_le_bytes() }).collect()
}

/// A pcap file with one packet per second in `seconds`, each of ten bytes `mark`.
fn pcap(big: bool, magic: u32, seconds: &[u32], mark: u8) -> Vec<u8> {
    let mut file = u32s(big, &[magic]);
    file.extend(u16s(big, &[2, 4]));
    file.extend(u32s(big, &[0, 0, 262_144, 1]));
    for second in seconds {
        file.extend(u32s(big, &[*second, 5, 10, 60]));
        if magic == 0xa1b2_cd34 {
            file.extend([0, 0, 0, 1, 8, 0, 4, 0]);
        }
        file.extend([mark; 10]);
    }
    file
}

fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let total = u32::try_from(padded + 12).unwrap();
    let mut bytes = u32s(big, &[kind, total]);
    bytes.extend(body);
    bytes.resize(8 + padded, 0);
    bytes.extend(u32s(big, &[total]));
    bytes
}

fn option(big: bool, code: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16s(big, &[code, u16::try_from(value.len()).unwrap()]);
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn section(big: bool) -> Vec<u8> {
    let body = [u32s(big, &[0x1a2b_3c4d]), u16s(big, &[1, 0]), vec![0xff; 8]].concat();
    block(big, 0x0a0d_0d0a, &body)
}

fn interface(big: bool, link: u16, options: &[u8]) -> Vec<u8> {
    block(big, 1, &[u16s(big, &[link, 0]), u32s(big, &[0]), options.to_vec()].concat())
}

fn enhanced(big: bool, interface: u32, ticks: u32, mark: u8, options: &[u8]) -> Vec<u8> {
    let head = u32s(big, &[interface, 0, ticks, 6, 60]);
    block(big, 6, &[head, vec![mark; 6], vec![0; 2], options.to_vec()].concat())
}

/// Two sections of different byte orders with every kind of block.
fn pcapng() -> Vec<u8> {
    let mut file = Vec::new();
    for big in [false, true] {
        let name = option(big, 2, b"eth0");
        file.extend(section(big));
        file.extend(interface(
            big,
            1,
            &[
                name,
                option(big, 9, &[0]),
                option(big, 4, &[10, 0, 0, 1, 255, 0, 0, 0]),
                option(big, 6, &[0, 0x15, 0x5d, 1, 2, 3]),
            ]
            .concat(),
        ));
        file.extend(interface(big, 101, &option(big, 9, &[0x81])));
        file.extend(block(big, 4, b"names of the author"));
        file.extend(enhanced(big, 0, 7, b'e', &[]));
        file.extend(block(big, 0xbad, b"PEN?whatever"));
        let eight = |value: u64| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let verdict = [vec![2], eight(1).to_vec()].concat();
        let marks = [option(big, 2, &u32s(big, &[2])), option(big, 5, &eight(77)), option(big, 7, &verdict)].concat();
        file.extend(enhanced(big, 1, 17, b'm', &marks));
        file.extend(block(big, 3, &[u32s(big, &[5]), vec![b's'; 5]].concat()));
        file.extend(block(big, 2, &[u16s(big, &[0, 3]), u32s(big, &[0, 9, 4, 4]), vec![b'o'; 4]].concat()));
        file.extend(block(big, 0x7777, b"nobody knows this"));
        file.extend(block(
            big,
            5,
            &[u32s(big, &[0, 0, 0]), option(big, 5, &eight(4)), option(big, 7, &eight(6))].concat(),
        ));
    }
    file
}

fn formats() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("µs, little", pcap(false, 0xa1b2_c3d4, &[1, 2, 3], b'a')),
        ("µs, big", pcap(true, 0xa1b2_c3d4, &[1, 2, 3], b'a')),
        ("ns, little", pcap(false, 0xa1b2_3c4d, &[1, 2, 3], b'a')),
        ("ns, big", pcap(true, 0xa1b2_3c4d, &[1, 2, 3], b'a')),
        ("modified", pcap(false, 0xa1b2_cd34, &[1, 2, 3], b'a')),
        ("pcapng", pcapng()),
    ]
}

fn frames(capture: &mut Capture) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(frame) = capture.next().expect("no filter") {
        let mark = frame.bytes.first().copied().unwrap_or(0);
        seen.push((frame.at.nanoseconds(), frame.place.input, frame.place.number, frame.tap, mark, frame.bytes.len()));
    }
    seen
}

/// Reads a stream to its end: its frames and how it ended.
fn read(stream: impl Read + Send + 'static) -> Result<(Vec<Seen>, InputState), CaptureError> {
    let mut capture = Capture::from_reader("test", Box::new(stream), &Options { digests: true, ..Options::default() })?;
    let seen = frames(&mut capture);
    Ok((seen, capture.finish().0.remove(0).state))
}

fn check(stream: impl Read + Send + 'static, expected: &[Seen], whole: bool, what: &str) {
    let (seen, state) = read(stream).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(seen, expected, "{what}");
    assert_eq!(state == InputState::Whole, whole, "{what}: {state:?}");
}

/// A stream that gives few bytes at a time, is interrupted, and may fail at one call.
struct Awkward {
    bytes: Cursor<Vec<u8>>,
    step: usize,
    calls: usize,
    fail_at: usize,
}

impl Read for Awkward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls == self.fail_at {
            return Err(io::Error::other("the disk is gone"));
        }
        if self.calls.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let step = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..step])
    }
}

fn awkward(bytes: &[u8], step: usize, fail_at: usize) -> Awkward {
    Awkward { bytes: Cursor::new(bytes.to_vec()), step, calls: 0, fail_at }
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn pcapng_says_what_it_can() {
    let mut capture = Capture::from_reader("test", Box::new(Cursor::new(pcapng())), &Options::default()).unwrap();
    let mut marked = Vec::new();
    let mut all = Vec::new();
    while let Some(frame) = capture.next().unwrap() {
        all.push((frame.bytes[0], frame.place.number, frame.at.nanoseconds(), frame.tap, frame.link.0));
        if frame.dropped {
            marked.push((frame.course, frame.packet_id));
        }
    }
    assert_eq!(marked, [(Course::Outbound, Some(77)); 2]);
    // The custom block is numbered, as in Wireshark; the simple packet takes the time before it.
    let expected = [
        (b'e', 1, 7_000_000_000, 0, 1),
        (b'm', 3, 8_500_000_000, 1, 101),
        (b's', 4, 8_500_000_000, 0, 1),
        (b'o', 5, 9_000_000_000, 0, 1),
        (b'e', 6, 7_000_000_000, 2, 1),
        (b'm', 8, 8_500_000_000, 3, 101),
        (b's', 9, 8_500_000_000, 2, 1),
        (b'o', 10, 9_000_000_000, 2, 1),
    ];
    assert_eq!(all, expected);
    let (inputs, taps) = capture.finish();
    assert_eq!((inputs[0].packets, inputs[0].reported_drops), (8, 20));
    assert_eq!((taps.len(), taps[0].name.as_str(), taps[0].addresses.len()), (4, "eth0", 1));
    assert_eq!((taps[0].card, taps[1].card), (Some([0, 0x15, 0x5d, 1, 2, 3]), None));
}

#[test]
fn truncation_at_any_byte_keeps_what_came_before() {
    for (what, bytes) in formats() {
        let (whole, _) = read(Cursor::new(bytes.clone())).unwrap();
        let mut most = 0;
        for length in 0..bytes.len() {
            match read(Cursor::new(bytes[..length].to_vec())) {
                Ok((seen, _)) => {
                    assert_eq!(seen, whole[..seen.len()], "{what} cut at {length}");
                    assert!(seen.len() >= most, "{what} cut at {length}");
                    most = seen.len();
                }
                Err(CaptureError::Empty { .. } | CaptureError::NotACapture { .. }) => assert_eq!(most, 0),
                Err(error) => panic!("{what} cut at {length}: {error}"),
            }
        }
    }
}

#[test]
fn short_reads_and_failing_reads() {
    for (what, bytes) in formats() {
        let (whole, _) = read(Cursor::new(bytes.clone())).unwrap();
        for step in [1, 3, 7, 64] {
            check(awkward(&bytes, step, usize::MAX), &whole, true, what);
        }
        for call in 1..60 {
            match read(awkward(&bytes, 16, call)) {
                Ok((seen, state)) => {
                    assert_eq!(seen, whole[..seen.len()], "{what} fails at {call}");
                    assert!(matches!(state, InputState::Whole | InputState::Cut(_)));
                    assert!(seen.len() == whole.len() || state != InputState::Whole, "{what} fails at {call}");
                }
                Err(error) => assert!(error.to_string().contains("the disk is gone"), "{what}: {error}"),
            }
        }
    }
}

#[test]
fn lengths_that_no_packet_has_end_the_file() {
    let good = pcap(false, 0xa1b2_c3d4, &[1], b'a');
    let (whole, _) = read(Cursor::new(good.clone())).unwrap();
    let absurd = |bytes: &[u8]| Cursor::new([&good, bytes].concat());
    check(absurd(&u32s(false, &[2, 0, u32::MAX, 60])), &whole, false, "4 GiB");
    check(absurd(&u32s(false, &[2, 0, 262_145, 60])), &whole, false, "over the longest");
    check(absurd(&u32s(false, &[2, 0, 262_144, 60])), &whole, false, "more than there is");
    let section = [section(false), interface(false, 1, &[]), enhanced(false, 0, 1, b'a', &[])].concat();
    let (whole, _) = read(Cursor::new(section.clone())).unwrap();
    let absurd = |bytes: &[u8]| Cursor::new([&section, bytes].concat());
    for total in [0, 4, 11, 1 << 20, u32::MAX] {
        for kind in [1, 2, 3, 5, 6, 0x0a0d_0d0a, 0x7777] {
            check(absurd(&u32s(false, &[kind, total, 0, 0, 0])), &whole, false, "block length");
        }
    }
    check(absurd(&enhanced(false, 9, 1, b'a', &[])), &whole, false, "no such interface");
}

#[test]
fn compressed_streams_read_like_plain_ones() {
    for (what, bytes) in formats() {
        let (whole, _) = read(Cursor::new(bytes.clone())).unwrap();
        let (front, back) = bytes.split_at(bytes.len() / 2);
        let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(back)].concat();
        check(Cursor::new(gzip(&bytes)), &whole, true, what);
        check(Cursor::new([gzip(front), gzip(back)].concat()), &whole, true, what);
        check(Cursor::new(zstd(&bytes)), &whole, true, what);
        check(Cursor::new([zstd(front), skippable].concat()), &whole, true, what);
        for packed in [gzip(&bytes), zstd(&bytes)] {
            for length in 1..packed.len() {
                match read(Cursor::new(packed[..length].to_vec())) {
                    Ok((seen, state)) => {
                        assert_eq!(seen, whole[..seen.len()], "{what} cut at {length}");
                        assert!(matches!(state, InputState::Cut(_)), "{what} cut at {length}");
                    }
                    Err(CaptureError::NotACapture { .. } | CaptureError::Read { .. }) => {}
                    Err(error) => panic!("{what} cut at {length}: {error}"),
                }
            }
        }
    }
}

#[test]
fn xz_reads_like_plain() {
    let bytes = pcapng();
    let (whole, _) = read(Cursor::new(bytes.clone())).unwrap();
    let folder = folder(&[("a", bytes)]);
    let packed = std::process::Command::new("xz").arg("-k").arg(folder.path().join("a")).status();
    if packed.is_ok_and(|status| status.success()) {
        check(std::fs::File::open(folder.path().join("a.xz")).unwrap(), &whole, true, "xz");
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    // A block of 2 GiB whose zeros are stored as runs: 128 KiB of them in four bytes.
    let begin = [section(false), u32s(false, &[0x7777, 1 << 31])].concat();
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    let run = [2, 0, 0x10, 0];
    let packed = [zstd(&begin), frame.to_vec(), run.repeat(2048)].concat();
    let (_, state) = read(Cursor::new(packed)).unwrap();
    assert!(matches!(&state, InputState::Cut(reason) if reason.contains("expands")), "{state:?}");
    assert!(read(Cursor::new(gzip(&gzip(&begin)))).is_err(), "compressed twice");
    let seconds = (0..200_000).collect::<Vec<u32>>();
    let (seen, state) = read(Cursor::new(gzip(&pcap(false, 0xa1b2_c3d4, &seconds, b'a')))).unwrap();
    assert_eq!((seen.len(), state), (200_000, InputState::Whole));
}

#[test]
fn arguments_in_any_order_give_the_same_frames() {
    let files = folder(&[
        ("b.pcap", pcap(false, 0xa1b2_c3d4, &[1, 4, 4, 9], b'b')),
        ("a.pcap", pcap(true, 0xa1b2_3c4d, &[2, 3, 4, 2, 8], b'a')),
        ("c.pcap.gz", gzip(&pcap(false, 0xa1b2_c3d4, &[10, 11], b'c'))),
        ("empty.pcap", pcap(false, 0xa1b2_c3d4, &[], b'd')),
    ]);
    let names = ["a.pcap", "b.pcap", "c.pcap.gz", "empty.pcap"].map(|name| files.path().join(name));
    let options = Options { digests: true, ..Options::default() };
    let outcome = |order: &[usize]| {
        let paths = order.iter().map(|index| &names[*index]).collect::<Vec<_>>();
        let mut capture = Capture::open(&paths, &options).unwrap();
        (frames(&mut capture), capture.finish())
    };
    let first = outcome(&[0, 1, 2, 3]);
    assert_eq!(outcome(&[3, 2, 1, 0]), first);
    assert_eq!(outcome(&[1, 3, 0, 2]), first);
    let marks = first.0.iter().map(|seen| seen.4).collect::<Vec<_>>();
    assert_eq!(marks, *b"baaaabbabcc".as_slice(), "{:?}", first.0);
    // The third file begins after the others: it continues a tap, those two never share one.
    let taps = |mark| first.0.iter().find(|seen| seen.4 == mark).unwrap().3;
    assert_ne!(taps(b'a'), taps(b'b'));
    assert_eq!(first.1.1.len(), 2);
    let inputs = &first.1.0;
    assert!(inputs.iter().all(|input| input.sha256.len() == 64 || input.bytes == 0));
    assert_eq!(inputs.iter().map(|input| input.packets).collect::<Vec<_>>(), [4, 5, 2, 0]);
    assert_eq!(inputs[1].last, Some(Timestamp::from_nanoseconds(8_000_000_005)));
}

#[test]
fn directories_patterns_and_repeats() {
    let good = pcap(false, 0xa1b2_c3d4, &[1], b'a');
    let files = folder(&[("a.pcap", good.clone()), ("notes.txt", b"hello".to_vec()), ("none", Vec::new())]);
    let at = |name: &str| files.path().join(name);
    let open = |paths: &[PathBuf]| Capture::open(paths, &Options::default()).map(|capture| capture.notes().to_vec());
    let notes = open(&[files.path().to_owned(), at("*.pcap")]).unwrap();
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Twice { .. })).count(), 1);
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Skipped { .. })).count(), 2);
    let lone = folder(&[("notes.txt", b"hello".to_vec())]);
    let cases = [
        (vec![], "no capture was named"),
        (vec![at("missing.pcap")], "no such file"),
        (vec![at("x*.pcap")], "no file fits"),
        (vec![at("a.pcap"), at("notes.txt")], "text"),
        (vec![at("none")], "0 bytes"),
        (vec![lone.path().to_owned()], "no capture in this directory"),
    ];
    for (paths, expected) in cases {
        let error = open(&paths).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_window_is_half_open_and_counts_stay() {
    let stream = Cursor::new(pcap(false, 0xa1b2_3c4d, &[1, 2, 3, 4], b'a'));
    let edge = |seconds: i64| Some(Timestamp::from_nanoseconds(seconds * 1_000_000_000 + 5));
    let options = Options { from: edge(2), to: edge(4), ..Options::default() };
    let mut capture = Capture::from_reader("test", Box::new(stream), &options).unwrap();
    assert_eq!(frames(&mut capture).iter().map(|seen| seen.2).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(capture.finish().0[0].packets, 4);
}

#[test]
fn filters_are_libpcaps() {
    let open = |expression: &str| {
        let stream = Cursor::new(pcap(false, 0xa1b2_c3d4, &[1, 2], b'a'));
        let options = Options { filter: Some(expression.into()), ..Options::default() };
        Capture::from_reader("test", Box::new(stream), &options)
    };
    if cfg!(feature = "live") {
        assert_eq!(frames(&mut open("ether[0] = 0x61").unwrap()).len(), 2);
        assert_eq!(frames(&mut open("ether[0] = 0x62").unwrap()).len(), 0);
        assert!(matches!(open("tcp prot 1").err(), Some(CaptureError::Filter { .. })));
    } else {
        assert!(matches!(open("tcp").err(), Some(CaptureError::FilterUnavailable { .. })));
    }
}
