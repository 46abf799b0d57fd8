//! Reads a capture out of memory and holds what comes out against what a capture can hold.

use flowaudit::capture::{Capture, Options};

/// Reads `bytes` to their end.
pub fn read(bytes: &[u8]) {
    let stream = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let Ok(mut capture) = Capture::from_reader("fuzz", stream, &Options::default()) else { return };
    let (mut frames, mut captured) = (0_u64, 0);
    while let Ok(Some(frame)) = capture.next() {
        frames += 1;
        captured += frame.bytes.len();
        assert_eq!(u64::from(frame.place.number), frames, "a frame has the wrong number");
    }
    assert!(captured <= bytes.len(), "more bytes came out than went in");
    let (inputs, _) = capture.finish();
    assert_eq!(inputs.iter().map(|input| input.packets).sum::<u64>(), frames, "packets are counted wrongly");
}
