//! Bytes behind a pcap magic, read to their end.
#![no_main]

mod reading;

use libfuzzer_sys::fuzz_target;

const MAGICS: [[u8; 4]; 6] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
];

fuzz_target!(|data: &[u8]| {
    let Some((magic, rest)) = data.split_first_chunk::<4>() else { return };
    let index = usize::from(magic[0]) % MAGICS.len();
    let magic = if MAGICS.contains(magic) { *magic } else { MAGICS[index] };
    reading::read(&[&magic, rest].concat());
});
