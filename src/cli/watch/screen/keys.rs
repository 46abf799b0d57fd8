//! Bytes of a terminal in, keys out. A sequence may come in pieces, so its beginning waits for the
//! next bytes; when none come it was the escape key. Never reads, never waits. crossterm's reader is
//! not used: it blocks on half a sequence and spins on a closed terminal, and capturing would stop.

/// A key that the screen knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character that can be seen.
    Char(char),
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Return.
    Enter,
    /// Escape.
    Escape,
    /// Rubs out.
    Backspace,
    /// Tabulator, with or without shift.
    Tab,
    /// Ctrl-C or Ctrl-D.
    Interrupt,
    /// Ctrl-L.
    Redraw,
    /// Ctrl-U.
    Clear,
}

/// Bytes that are not yet a key.
#[derive(Debug, Default)]
pub struct Keys {
    waiting: Vec<u8>,
}

/// What the first bytes are.
enum Piece {
    /// A key of this many bytes; `None` for one that nobody knows.
    Whole(Option<Key>, usize),
    /// Not enough bytes.
    More,
}

impl Keys {
    /// The keys that `fresh` completes. Called again without bytes, it takes an escape that waits as
    /// the key of that name.
    pub fn take(&mut self, fresh: &[u8]) -> Vec<Key> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let no_more = fresh.is_empty();
        waiting.extend_from_slice(fresh);
        let mut keys = Vec::new();
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            match piece(rest) {
                Piece::Whole(key, length) => {
                    keys.extend(key);
                    rest = rest.get(length..).unwrap_or_default();
                }
                Piece::More if no_more => {
                    keys.extend((rest.first() == Some(&ESCAPE)).then_some(Key::Escape));
                    break;
                }
                Piece::More => {
                    self.waiting = rest.to_vec();
                    break;
                }
            }
        }
        keys
    }
}

fn piece(bytes: &[u8]) -> Piece {
    match bytes {
        [ESCAPE] => Piece::More,
        [ESCAPE, b'[' | b'O', rest @ ..] => sequence(rest),
        [ESCAPE, ..] => Piece::Whole(Some(Key::Escape), 1),
        [b'\r' | b'\n', ..] => Piece::Whole(Some(Key::Enter), 1),
        [b'\t', ..] => Piece::Whole(Some(Key::Tab), 1),
        [0x7f | 0x08, ..] => Piece::Whole(Some(Key::Backspace), 1),
        [0x03 | 0x04, ..] => Piece::Whole(Some(Key::Interrupt), 1),
        [0x0c, ..] => Piece::Whole(Some(Key::Redraw), 1),
        [0x15, ..] => Piece::Whole(Some(Key::Clear), 1),
        [0x00..=0x1f, ..] => Piece::Whole(None, 1),
        _ => character(bytes),
    }
}

/// What follows `ESC [` or `ESC O`: parameters, then one final byte (ECMA-48, 5.4).
fn sequence(bytes: &[u8]) -> Piece {
    let Some(end) = bytes.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if bytes.len() > LONGEST { Piece::Whole(None, bytes.len().saturating_add(2)) } else { Piece::More };
    };
    let (parameters, last) = (bytes.get(..end).unwrap_or_default(), bytes.get(end).copied());
    let number = parameters.split(|byte| *byte == b';').next().unwrap_or_default();
    let key = match (last, number) {
        (Some(b'A'), _) => Some(Key::Up),
        (Some(b'B'), _) => Some(Key::Down),
        (Some(b'H'), _) | (Some(b'~'), b"1" | b"7") => Some(Key::Home),
        (Some(b'F'), _) | (Some(b'~'), b"4" | b"8") => Some(Key::End),
        (Some(b'~'), b"5") => Some(Key::PageUp),
        (Some(b'~'), b"6") => Some(Key::PageDown),
        (Some(b'M'), _) => Some(Key::Enter),
        (Some(b'Z'), _) => Some(Key::Tab),
        (_, _) => None,
    };
    Piece::Whole(key, end.saturating_add(3))
}

/// One character of UTF-8.
fn character(bytes: &[u8]) -> Piece {
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        Some(_) | None => 1,
    };
    let Some(bytes) = bytes.get(..length) else { return Piece::More };
    let shown = std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
    Piece::Whole(shown.filter(|shown| !shown.is_control()).map(Key::Char), length)
}

const ESCAPE: u8 = 0x1b;

/// Longest run of parameters; what is longer is no key.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each slice is what one read gave.
    fn check(reads: &[&[u8]], expected: &[Key]) {
        let mut keys = Keys::default();
        let found: Vec<Key> = reads.iter().flat_map(|bytes| keys.take(bytes)).collect();
        assert_eq!(found, expected, "{reads:?}");
        assert!(keys.waiting.len() <= LONGEST + 2);
    }

    #[test]
    fn keys_come_out_of_bytes() {
        use Key::{Backspace, Char, Clear, Down, End, Enter, Escape, Home, Interrupt, PageDown, PageUp, Tab, Up};
        check(&[b"q/"], &[Char('q'), Char('/')]);
        check(&[b"\x1b[A\x1bOB\x1b[1;5A"], &[Up, Down, Up]);
        check(&[b"\x1b[5~\x1b[6~\x1b[H\x1b[4~"], &[PageUp, PageDown, Home, End]);
        check(&[b"\r\x7f\t\x03\x15"], &[Enter, Backspace, Tab, Interrupt, Clear]);
        check(&["é→".as_bytes()], &[Char('é'), Char('→')]);
        check(&[b"\xe2\x86", b"\x92"], &[Char('→')]);
        check(&[b"\x1b", b"[", b"B"], &[Down]);
        check(&[b"\x1b", b""], &[Escape]);
        check(&[b"\x1b[", b"", b"x"], &[Escape, Char('x')]);
        check(&[b"\x1b\x1b[A"], &[Escape, Up]);
        check(&[b"\x1bx"], &[Escape, Char('x')]);
        check(&[b"\xff\x00\x01a"], &[Char('a')]);
        check(&[b"\x1b[200~\x1b[99;99y"], &[]);
        check(&[b"\xc2\x9b"], &[]);
    }

    #[test]
    fn no_bytes_are_kept_for_ever() {
        check(&[&[b"\x1b[".as_slice(), &[b'1'; 60]].concat(), b"q"], &[Key::Char('q')]);
        check(&[&[0x1b; 3], b""], &[Key::Escape, Key::Escape, Key::Escape]);
    }
}
