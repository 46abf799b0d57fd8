//! Tag, length and value of ASN.1 in the basic encoding rules (X.690 section 8.1): single-byte
//! tags and definite lengths, in short or long form. No recursion: callers step into a value.

use super::reader::Reader;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'b> {
    pub(super) tag: u8,
    /// Its value, shorter than `length` when it was cut.
    pub(super) bytes: &'b [u8],
    pub(super) length: usize,
}

impl Element<'_> {
    pub(super) const fn whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

/// The next element, all of it.
pub(super) fn element<'b>(reader: &mut Reader<'b>) -> Option<Element<'b>> {
    let mut ahead = *reader;
    let element = cut_element(&mut ahead).filter(Element::whole)?;
    *reader = ahead;
    Some(element)
}

/// The next element with this tag, all of it.
pub(super) fn expect<'b>(reader: &mut Reader<'b>, tag: u8) -> Option<&'b [u8]> {
    element(reader).filter(|element| element.tag == tag).map(|element| element.bytes)
}

/// The next element, as much of its value as there is.
pub(super) fn cut_element<'b>(reader: &mut Reader<'b>) -> Option<Element<'b>> {
    let tag = reader.byte()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let length = length(reader)?;
    Some(Element { tag, bytes: reader.take_up_to(length), length })
}

/// An integer of up to four bytes that is not negative.
pub(super) fn integer(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 4 || bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return None;
    }
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

fn length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.byte()?;
    if first < 0x80 {
        return Some(usize::from(first));
    }
    // Windows writes every length of LDAP in long form with four bytes.
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let bytes = reader.take(count)?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}
