//! Both directions of an endpoint-mapper association in, the TCP ports that it announced out (C706
//! appendix O, MS-RPCE section 2.2.1.2.5). An announcement needs a granted bind to the mapper, a
//! map request for one interface, and the answer to that very call; anything less says nothing.
//! Whether the address in the answer is the server's own is for the ledger to judge.

use std::net::Ipv4Addr;

use super::ndr::Ndr;
use super::reader::{Reader, length};
use super::rpc::{self, Context, Request, Response};

/// Operation number of `ept_map`.
const MAP: u16 = 3;
/// Most towers read from one answer; a mapper gives four by default.
const TOWERS: u64 = 32;

/// A port that an endpoint mapper gave for an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpmAnnouncement {
    /// Interface UUID in text form.
    pub interface: String,
    /// Major version of the interface.
    pub version: u16,
    /// TCP port, 1024 or above.
    pub port: u16,
    /// Address in the tower; `None` for 0.0.0.0, which Samba sends.
    pub address: Option<Ipv4Addr>,
    /// Offset of the answer's last fragment in the server's bytes.
    pub offset: usize,
}

/// Every port that `server` announced to `client`. Both start at their first payload byte.
#[must_use]
pub fn announcements(client: &[u8], server: &[u8]) -> Vec<EpmAnnouncement> {
    let contexts = rpc::contexts(client, server);
    let responses = rpc::responses(server);
    let mut found = Vec::new();
    for request in rpc::requests(client).iter().filter(|request| request.operation == MAP) {
        let Some(context) = contexts.iter().find(|context| is_mapper(context, request)) else { continue };
        let Some(asked) = asked(request, context.wide) else { continue };
        let answer = responses.iter().find(|answer| answer.call == request.call && answer.context == request.context);
        let Some(answer) = answer else { continue };
        for tower in towers(answer, context.wide).unwrap_or_default() {
            let same = tower.interface == asked.interface && tower.version == asked.version;
            let announcement = announcement(&tower, answer.offset).filter(|_| same);
            found.extend(announcement.filter(|new| !found.contains(new)));
        }
    }
    found
}

fn is_mapper(context: &Context, request: &Request<'_>) -> bool {
    context.accepted && context.id == request.context && context.version == 3 && context.uuid == rpc::EPM
}

fn announcement(tower: &Tower, offset: usize) -> Option<EpmAnnouncement> {
    let port = tower.port.filter(|port| *port >= 1024)?;
    let address = tower.address.filter(|address| !address.is_unspecified());
    Some(EpmAnnouncement { interface: tower.interface.clone(), version: tower.version, port, address, offset })
}

/// What a map request asks for.
fn asked(request: &Request<'_>, wide: bool) -> Option<Tower> {
    let mut ndr = Ndr::new(&request.stub, request.little, wide);
    if ndr.pointer()? != 0 {
        ndr.skip(16)?;
    }
    if ndr.pointer()? == 0 {
        return None;
    }
    Tower::read(tower_bytes(&mut ndr)?)
}

/// The towers of an answer with status 0.
fn towers(answer: &Response<'_>, wide: bool) -> Option<Vec<Tower>> {
    let mut ndr = Ndr::new(&answer.stub, answer.little, wide);
    ndr.skip(20)?;
    let _count = ndr.int32()?;
    let (_most, _first, actual) = (ndr.count()?, ndr.count()?, ndr.count()?);
    if actual > TOWERS {
        return None;
    }
    let mut present: u64 = 0;
    for _ in 0..actual {
        present = present.saturating_add(u64::from(ndr.pointer()? != 0));
    }
    let mut found = Vec::new();
    for _ in 0..present {
        found.extend(Tower::read(tower_bytes(&mut ndr)?));
    }
    (ndr.int32()? == 0).then_some(found)
}

/// A conformant tower: its maximum, its length, its octets.
fn tower_bytes<'b>(ndr: &mut Ndr<'b>) -> Option<&'b [u8]> {
    let _most = ndr.count()?;
    let octets = length(ndr.int32()?);
    ndr.take(octets)
}

/// The transfer syntaxes that a tower may name (C706 appendix I, MS-RPCE 2.2.4.12), as they lie on the wire.
const NDR: [u8; 16] = *b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60";
const NDR64: [u8; 16] = *b"\x33\x05\x71\x71\xba\xbe\x37\x49\x83\x19\xb5\xdb\xef\x9c\xcc\x36";

/// A protocol tower of five floors over TCP or for a request over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tower {
    interface: String,
    version: u16,
    port: Option<u16>,
    address: Option<Ipv4Addr>,
}

impl Tower {
    /// Towers are little-endian whatever the PDU is (C706 appendix L).
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.le16()? != 5 {
            return None;
        }
        let (interface, _) = floor(&mut reader)?;
        let (transfer, _) = floor(&mut reader)?;
        let (runtime, _) = floor(&mut reader)?;
        let (transport, port) = floor(&mut reader)?;
        let (network, address) = floor(&mut reader)?;
        let known = |syntax: &[u8; 16]| transfer.strip_prefix(&[0x0d]).is_some_and(|rest| rest.starts_with(syntax));
        if !(known(&NDR) || known(&NDR64)) || runtime != [0x0b] || transport != [0x07] || network != [0x09] {
            return None;
        }
        let mut interface = Reader::new(interface);
        if interface.byte()? != 0x0d {
            return None;
        }
        Some(Self {
            interface: rpc::uuid_text(rpc::uuid_from_wire(interface.array()?)),
            version: interface.le16()?,
            port: <[u8; 2]>::try_from(port).ok().map(u16::from_be_bytes),
            address: <[u8; 4]>::try_from(address).ok().map(Ipv4Addr::from),
        })
    }
}

/// Both halves of a floor: what it is, and its value.
fn floor<'b>(reader: &mut Reader<'b>) -> Option<(&'b [u8], &'b [u8])> {
    let left = usize::from(reader.le16()?);
    let left = reader.take(left)?;
    let right = usize::from(reader.le16()?);
    Some((left, reader.take(right)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPER: &[u8] = b"\x08\x83\xaf\xe1\x1f\x5d\xc9\x11\x91\xa4\x08\0\x2b\x14\xa0\xfa\x03\0\0\0";
    const SYNTAX: &[u8] = b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0";
    const SAMR: &[u8] = b"\x78\x57\x34\x12\x34\x12\xcd\xab\xef\0\x01\x23\x45\x67\x89\xac\x01\0";
    const LSARPC: &[u8] = b"\x78\x57\x34\x12\x34\x12\xcd\xab\xef\0\x01\x23\x45\x67\x89\xab\0\0";

    fn pdu(kind: u8, call: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 16).unwrap().to_le_bytes();
        [&[5, 0, kind, 3, 0x10, 0, 0, 0], &length[..], &[0, 0, call, 0, 0, 0], body].concat()
    }

    fn tower(interface: &[u8], port: u16, address: [u8; 4]) -> Vec<u8> {
        let floors: &[&[u8]] = &[b"\x05\0\x13\0\x0d", interface, b"\x02\0\0\0\x13\0\x0d", &SYNTAX[..18], b"\x02\0\0\0"];
        let runtime = b"\x01\0\x0b\x02\0\0\0\x01\0\x07\x02\0";
        let tower = [&floors.concat()[..], runtime, &port.to_be_bytes(), b"\x01\0\x09\x04\0", &address].concat();
        let length = u32::try_from(tower.len()).unwrap().to_le_bytes();
        [&length[..], &length, &tower].concat()
    }

    struct Exchange {
        granted: u8,
        calls: [u8; 2],
        answered: &'static [u8],
        port: u16,
        address: [u8; 4],
        status: u8,
    }

    const GOOD: Exchange =
        Exchange { granted: 0, calls: [2, 2], answered: SAMR, port: 49_664, address: [10, 0, 0, 4], status: 0 };

    fn check(exchange: &Exchange, expected: Option<(u16, Option<Ipv4Addr>)>) {
        let bind = [&[0; 8], &b"\x01\0\0\0\0\0\x01\0"[..], MAPPER, SYNTAX].concat();
        let granted = [&[0; 8], &b"\x04\x00135\0\0\0\x01\0\0\0"[..], &[exchange.granted, 0, 0, 0], SYNTAX].concat();
        let asked = tower(SAMR, 135, [0; 4]);
        let request = [&[0; 4], &b"\0\0\x03\0\0\0\0\0\x01\0\0\0"[..], &asked, &[0; 25]].concat();
        let given = tower(exchange.answered, exchange.port, exchange.address);
        let arrays = b"\x01\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\x03\0\0\0";
        let padding = vec![0; given.len().next_multiple_of(4) - given.len()];
        let status = [exchange.status, 0, 0, 0];
        let response = [&[0; 8], &[0; 20][..], arrays, &given, &padding, &status].concat();
        let client = [pdu(11, 1, &bind), pdu(0, exchange.calls[0], &request)].concat();
        let server = [pdu(12, 1, &granted), pdu(2, exchange.calls[1], &response)].concat();
        let found: Vec<_> = announcements(&client, &server).into_iter().map(|it| (it.port, it.address)).collect();
        assert_eq!(found, Vec::from_iter(expected));
    }

    #[test]
    fn an_announcement_needs_all_of_its_parts() {
        let address = Some(Ipv4Addr::new(10, 0, 0, 4));
        check(&GOOD, Some((49_664, address)));
        check(&Exchange { address: [0; 4], ..GOOD }, Some((49_664, None)));
        check(&Exchange { granted: 2, ..GOOD }, None);
        check(&Exchange { calls: [2, 3], ..GOOD }, None);
        check(&Exchange { answered: LSARPC, ..GOOD }, None);
        check(&Exchange { port: 135, ..GOOD }, None);
        check(&Exchange { port: 1023, ..GOOD }, None);
        check(&Exchange { status: 1, ..GOOD }, None);
    }
}
