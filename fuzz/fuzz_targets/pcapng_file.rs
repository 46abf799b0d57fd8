//! Bytes behind a section header's type, read to their end as pcapng.
#![no_main]

mod reading;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((_, rest)) = data.split_first_chunk::<4>() else { return };
    reading::read(&[&[0x0a, 0x0d, 0x0d, 0x0a], rest].concat());
});
