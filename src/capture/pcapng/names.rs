//! Name resolution blocks of pcapng in, the names that the author of the file gives to addresses out. Whoever
//! wrote the file wrote them: they are kept and never believed here.

use std::net::IpAddr;

use super::blocks::Block;
use crate::ledger::DeclaredName;

/// Names kept of one file.
const MOST: usize = 65_536;
/// Record types (draft-ietf-opsawg-pcapng section 4.5).
const IPV4: u16 = 1;
const IPV6: u16 = 2;

/// Adds the names of one block to those known. Stops where a record is cut, and at the budget.
pub(super) fn read(block: &Block<'_>, known: &mut Vec<DeclaredName>) {
    let mut rest = block.options(8);
    while let Some(([a, b, c, d], after)) = rest.split_first_chunk::<4>() {
        let read = |bytes| if block.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        let (kind, length) = (read([*a, *b]), usize::from(read([*c, *d])));
        let Some(value) = after.get(..length) else { return };
        match kind {
            0 => return,
            IPV4 => value.split_first_chunk::<4>().into_iter().for_each(|(at, text)| add(known, (*at).into(), text)),
            IPV6 => value.split_first_chunk::<16>().into_iter().for_each(|(at, text)| add(known, (*at).into(), text)),
            _ => {}
        }
        rest = length.checked_next_multiple_of(4).and_then(|padded| after.get(padded..)).unwrap_or_default();
    }
}

/// The names of one address, each ended by a zero.
fn add(known: &mut Vec<DeclaredName>, address: IpAddr, texts: &[u8]) {
    for text in texts.split(|byte| *byte == 0).filter(|text| !text.is_empty()) {
        if known.len() < MOST {
            known.extend(DeclaredName::new(address, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &[u8], expected: &[(&str, &str)]) {
        let bytes = [&[0; 8], records, &[0; 4]].concat();
        let mut known = Vec::new();
        read(&Block::new(&bytes, false), &mut known);
        let found: Vec<(String, &str)> = known.iter().map(|one| (one.address.to_string(), &*one.name)).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(at, name)| (&**at, *name)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn records_of_both_families() {
        let four = b"\x01\0\x0c\0\x0a\0\0\x09A.x\0b.x\0";
        let six = [b"\x02\0\x14\0\xfd\0", &[0; 13][..], b"\x01c.x\0"].concat();
        check(&[four, &six[..], &[0; 4]].concat(), &[("10.0.0.9", "a.x"), ("10.0.0.9", "b.x"), ("fd00::1", "c.x")]);
        // Behind the end nothing is read, nor of a record that is cut; others are passed over, padding too.
        check(&[&[0; 4], &four[..]].concat(), &[]);
        check(&four[..14], &[]);
        check(&[b"\x07\0\x01\0z\0\0\0", &four[..]].concat(), &[("10.0.0.9", "a.x"), ("10.0.0.9", "b.x")]);
    }
}
