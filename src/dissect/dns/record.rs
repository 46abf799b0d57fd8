//! One resource record in, its owner, time to live and data out (RFC 1035 section 3.2.1). Types
//! that name no host and no address stay [`Data::Other`].

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dissect::name;
use crate::dissect::reader::Reader;

/// Most values that are kept of one list in a service binding.
const HINTS: usize = 16;

/// A resource record of the answer section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Owner, canonical.
    pub name: String,
    /// Type.
    pub kind: u16,
    /// Class without the cache-flush bit of multicast DNS (RFC 6762 section 10.2).
    pub class: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The canonical name of an alias.
    Cname(String),
    /// A subtree that moved (RFC 6672).
    Dname(String),
    /// A name for an address.
    Ptr(String),
    /// Where a service runs (RFC 2782).
    Srv(Srv),
    /// How a service is reached: HTTPS and SVCB (RFC 9460).
    Service(ServiceBinding),
    /// Anything else.
    Other,
}

/// A service location (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower is tried first.
    pub priority: u16,
    /// Share among equal priorities.
    pub weight: u16,
    /// Port of the service.
    pub port: u16,
    /// Host that offers it, canonical.
    pub target: String,
}

/// A service binding (RFC 9460 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceBinding {
    /// 0 is an alias.
    pub priority: u16,
    /// Host that offers the service, canonical; empty for the owner itself.
    pub target: String,
    /// Protocols offered, canonical like names.
    pub alpn: Vec<String>,
    /// IPv4 address hints.
    pub ipv4: Vec<Ipv4Addr>,
    /// IPv6 address hints.
    pub ipv6: Vec<Ipv6Addr>,
}

/// The record at offset `at` of a message, and the offset behind it.
pub(super) fn read(message: &[u8], at: usize) -> Option<(Record, usize)> {
    let (name, next) = name::from_wire(message, at)?;
    let mut reader = Reader::new(message.get(next..)?);
    let (kind, class, ttl) = (reader.be16()?, reader.be16()?, reader.be32()?);
    let length = usize::from(reader.be16()?);
    let start = next.checked_add(10)?;
    let end = start.checked_add(length)?;
    let data = data(message, kind, start, end)?;
    Some((Record { name, kind, class: class & 0x7fff, ttl, data }, end))
}

fn data(message: &[u8], kind: u16, start: usize, end: usize) -> Option<Data> {
    let bytes = message.get(start..end)?;
    // Names may point back into the message, but their own bytes end with the record.
    let message = message.get(..end)?;
    let host = |at| name::from_wire(message, at).map(|(name, _)| name);
    Some(match kind {
        1 => <[u8; 4]>::try_from(bytes).map_or(Data::Other, |bytes| Data::A(bytes.into())),
        5 => Data::Cname(host(start)?),
        12 => Data::Ptr(host(start)?),
        28 => <[u8; 16]>::try_from(bytes).map_or(Data::Other, |bytes| Data::Aaaa(bytes.into())),
        33 => Data::Srv(srv(message, bytes, start)?),
        39 => Data::Dname(host(start)?),
        64 | 65 => Data::Service(service(message, start)?),
        _ => Data::Other,
    })
}

fn srv(message: &[u8], bytes: &[u8], start: usize) -> Option<Srv> {
    let mut reader = Reader::new(bytes);
    let (priority, weight, port) = (reader.be16()?, reader.be16()?, reader.be16()?);
    let (target, _) = name::from_wire(message, start.checked_add(6)?)?;
    Some(Srv { priority, weight, port, target })
}

fn service(message: &[u8], start: usize) -> Option<ServiceBinding> {
    let priority = Reader::new(message.get(start..)?).be16()?;
    let (target, next) = name::from_wire(message, start.checked_add(2)?)?;
    let mut binding = ServiceBinding { priority, target, alpn: Vec::new(), ipv4: Vec::new(), ipv6: Vec::new() };
    let mut reader = Reader::new(message.get(next..)?);
    while !reader.is_empty() {
        let key = reader.be16()?;
        let length = usize::from(reader.be16()?);
        parameter(&mut binding, key, reader.take(length)?);
    }
    Some(binding)
}

/// One parameter (RFC 9460 section 14.3.2): 1 alpn, 4 ipv4hint, 6 ipv6hint.
fn parameter(binding: &mut ServiceBinding, key: u16, value: &[u8]) {
    let mut reader = Reader::new(value);
    for _ in 0..HINTS {
        match key {
            1 => {
                let Some(length) = reader.byte() else { return };
                let Some(protocol) = reader.take(usize::from(length)) else { return };
                binding.alpn.extend(name::from_protocol(protocol));
            }
            4 => binding.ipv4.extend(reader.array::<4>().map(Ipv4Addr::from)),
            6 => binding.ipv6.extend(reader.array::<16>().map(Ipv6Addr::from)),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(record: &[u8], expected: Option<Data>) {
        assert_eq!(read(record, 0).map(|(record, _)| record.data), expected, "{record:?}");
    }

    #[test]
    fn records() {
        check(b"\0\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x01", Some(Data::A(Ipv4Addr::LOCALHOST)));
        check(b"\0\0\x01\0\x01\0\0\0\0\0\x03\x7f\0\0", Some(Data::Other));
        check(b"\0\0\x05\0\x01\0\0\0\0\0\x03\x01a\0", Some(Data::Cname("a".into())));
        check(b"\0\0\x05\0\x01\0\0\0\0\0\x02\x01a\0", None);
        check(b"\0\0\x0c\0\x01\0\0\0\0\0\x03\x01a\0", Some(Data::Ptr("a".into())));
        check(b"\0\0\x27\0\x01\0\0\0\0\0\x03\x01a\0", Some(Data::Dname("a".into())));
        let address = [&b"\0\0\x1c\0\x01\0\0\0\0\0\x10"[..], &[0x20; 16]].concat();
        check(&address, Some(Data::Aaaa(Ipv6Addr::from([0x20; 16]))));
        check(&address[..20], None);
        check(
            b"\0\0\x21\0\x01\0\0\0\0\0\x0a\0\x01\0\x02\x01\x85\x02dc\0",
            Some(Data::Srv(Srv { priority: 1, weight: 2, port: 389, target: "dc".into() })),
        );
        check(
            b"\0\0\x41\0\x01\0\0\0\0\0\x12\0\x01\0\0\x01\0\x03\x02h2\0\x04\0\x04\xc0\0\x02\x01",
            Some(Data::Service(ServiceBinding {
                priority: 1,
                target: String::new(),
                alpn: vec!["h2".into()],
                ipv4: vec![Ipv4Addr::new(192, 0, 2, 1)],
                ipv6: vec![],
            })),
        );
        check(b"\0\0\x10\0\x01\0\0\0\0\0\x02\x01a", Some(Data::Other));
    }
}
