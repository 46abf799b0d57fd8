//! Reads a capture out of memory and holds what comes out against what a capture can hold.

use flowaudit::capture::{Capture, Options};

/// Reads `bytes` to their end.
pub fn read(bytes: &[u8]) {
    let stream = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let Ok(mut capture) = Capture::from_reader("fuzz", stream, &Options::default()) else { return };
    let (mut frames, mut captured, mut last) = (0_u64, 0, 0);
    while let Ok(Some(frame)) = capture.next() {
        frames += 1;
        captured += frame.bytes.len();
        // Not always by one: Wireshark gives a number to a journal entry too, which is no packet.
        assert!(frame.place.number > last, "frames are not numbered in order");
        last = frame.place.number;
    }
    assert!(captured <= bytes.len(), "more bytes came out than went in");
    let (inputs, _) = capture.finish();
    let packets = inputs.iter().map(|input| input.packets).sum::<u64>();
    assert!((frames..=u64::from(last)).contains(&packets), "{packets} packets counted, {frames} frames came out");
}
