//! The answer to a domain controller ping in, what the controller says of itself out (MS-ADTS
//! section 6.3.1.9, NETLOGON_SAM_LOGON_RESPONSE_EX). Names are compressed as in DNS, from the
//! front of the response.

use super::ber;
use super::ldap;
use super::name;
use super::reader::Reader;

/// Operation codes of the extended response.
const EXTENDED: [u16; 2] = [23, 25];

/// What a domain controller answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Capability bits (MS-ADTS 6.3.1.2): 0x04 global catalog, 0x20 key distribution, 0x100 writable.
    pub flags: u32,
    /// DNS name of the forest, canonical.
    pub forest: String,
    /// DNS name of the domain, canonical.
    pub domain: String,
    /// DNS name of the controller, canonical.
    pub host: String,
    /// Site of the controller; empty when it was cut.
    pub server_site: String,
    /// Site of the client; empty when the controller knows none.
    pub client_site: String,
}

/// Reads the answer in one datagram.
#[must_use]
pub fn ping(response: &[u8]) -> Option<Ping> {
    let mut reader = Reader::new(response);
    let message = ber::cut_element(&mut reader).filter(|message| message.tag == 0x30)?;
    let attributes = ldap::attributes(message.bytes)?;
    let (_, values) = attributes.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(b"netlogon"))?;
    logon(values.first()?)
}

/// Operation, reserved, flags, domain GUID, then names.
fn logon(value: &[u8]) -> Option<Ping> {
    let mut reader = Reader::new(value);
    let operation = reader.le16()?;
    if !EXTENDED.contains(&operation) {
        return None;
    }
    reader.skip(2)?;
    let flags = reader.le32()?;
    let (forest, at) = name::from_wire(value, 24)?;
    let (domain, at) = name::from_wire(value, at)?;
    let (host, at) = name::from_wire(value, at)?;
    let mut next = Some(at);
    let mut following = || {
        let (name, at) = name::from_wire(value, next?)?;
        next = Some(at);
        Some(name)
    };
    // NetBIOS domain, NetBIOS host, user, then the two sites.
    let (_short_domain, _short_host, _user) = (following(), following(), following());
    let server_site = following().unwrap_or_default();
    let client_site = following().unwrap_or_default();
    Some(Ping { flags, forest, domain, host, server_site, client_site })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with this operation and these capability bits; names point back as in DNS.
    fn answer(operation: u8, flags: [u8; 4]) -> Vec<u8> {
        let names = b"\x04corp\x07example\0\xc0\x18\x03dc1\xc0\x18\x04CORP\0\x03DC1\0\0\x06London\0\x05Paris\0";
        let value = [&[operation, 0, 0, 0], &flags[..], &[7; 16], names].concat();
        let around = |tag: u8, inside: &[u8]| [&[tag, u8::try_from(inside.len()).unwrap()], inside].concat();
        let set = around(0x31, &around(4, &value));
        let attribute = around(0x30, &[&around(4, b"Netlogon")[..], &set].concat());
        let entry = around(0x64, &[&[4, 0], &around(0x30, &attribute)[..]].concat());
        [&[0x30, 0x81, u8::try_from(entry.len() + 3).unwrap(), 2, 1, 1], &entry[..]].concat()
    }

    #[test]
    fn what_a_controller_says_of_itself() {
        let expected = Ping {
            flags: 0x1fd,
            forest: "corp.example".into(),
            domain: "corp.example".into(),
            host: "dc1.corp.example".into(),
            server_site: "london".into(),
            client_site: "paris".into(),
        };
        assert_eq!(ping(&answer(23, [0xfd, 1, 0, 0])), Some(expected));
        // The answer to a ping that asks for no extended one names nobody in DNS.
        assert_eq!(ping(&answer(19, [0xfd, 1, 0, 0])), None);
        assert_eq!(ping(&answer(23, [0xfd, 1, 0, 0])[..60]), None);
    }
}
