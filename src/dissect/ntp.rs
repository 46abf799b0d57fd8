//! NTP and MS-SNTP (RFC 5905 section 7.3, MS-SNTP section 2.2): a datagram of 48 bytes and its
//! authenticator, whose fields all lie where a real clock puts them.

use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// Length without extensions and authenticator.
const HEAD: usize = 48;

/// Whether a datagram is NTP.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.len() < HEAD {
        return short(prefix);
    }
    match packet(prefix.bytes) {
        Some(speaker) => Peek::is(Application::Ntp, speaker),
        None => Peek::Not,
    }
}

fn packet(bytes: &[u8]) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let [first, stratum, poll, precision] = reader.array::<4>()?;
    let (delay, dispersion) = (reader.be32()?, reader.be32()?);
    let (version, mode) = (first >> 3 & 7, first & 7);
    let speaker = match mode {
        1 | 2 => Speaker::Either,
        3 => Speaker::Client,
        4 | 5 => Speaker::Server,
        _ => return None,
    };
    // Delay and dispersion are below sixteen seconds, poll and precision are powers of two.
    let clock = stratum <= 16 && poll <= 17 && (precision == 0 || precision >= 0xe0);
    let sane = delay >> 16 <= 16 && dispersion >> 16 <= 16 && bytes.len().is_multiple_of(4);
    // The transmit time is never zero in an answer, and an empty request says so everywhere.
    reader.skip(28)?;
    let transmit = reader.be32()?;
    let zero = bytes.get(1..40).is_some_and(|fields| fields.iter().all(|byte| *byte == 0));
    ((1..=4).contains(&version) && clock && sane && (transmit != 0 || mode == 3 && zero)).then_some(speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets() {
        let mut request = [0_u8; 68];
        request[..4].copy_from_slice(&[0xdb, 0, 0x11, 0xe9]);
        request[40] = 0xe6;
        let is = |bytes: &[u8]| peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(is(&request), Peek::is(Application::Ntp, Speaker::Client));
        assert_eq!(is(&request[..48]), Peek::is(Application::Ntp, Speaker::Client));
        assert_eq!(is(&request[..47]), Peek::Not);
        assert_eq!(is(&[0x1b; 48]), Peek::Not);
        assert_eq!(is(&[0; 48]), Peek::Not);
    }
}
