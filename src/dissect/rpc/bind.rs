//! Both directions of an association in, the presentation contexts that were asked for and granted
//! out (C706 sections 12.6.3.3 and 12.6.3.4). A context that nobody answered is not granted.

use super::{Pdu, PduKind, Pdus, uuid_text};

/// Most contexts that are kept of one association.
const CONTEXTS: usize = 64;
/// NDR64 transfer syntax (MS-RPCE section 2.2.4.12).
const NDR64: [u8; 16] = *b"\x71\x71\x05\x33\xbe\xba\x49\x37\x83\x19\xb5\xdb\xef\x9c\xcc\x36";

/// An interface that one side asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// UUID in text form.
    pub uuid: String,
    /// Major version.
    pub version: u16,
    /// Whether the other side granted it.
    pub accepted: bool,
}

/// One presentation context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dissect) struct Context {
    /// Identifier that calls refer to.
    pub(in crate::dissect) id: u16,
    /// Interface UUID in text form.
    pub(in crate::dissect) uuid: String,
    /// Major version.
    pub(in crate::dissect) version: u16,
    /// Whether it was granted.
    pub(in crate::dissect) accepted: bool,
    /// Whether arguments are in NDR64.
    pub(in crate::dissect) wide: bool,
}

/// The interfaces that `client` asked for, in order, each once: granted when any of its contexts
/// was (Windows offers each interface once per transfer syntax).
#[must_use]
pub fn interfaces(client: &[u8], server: &[u8]) -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    for context in contexts(client, server) {
        match found.iter_mut().find(|known| known.uuid == context.uuid && known.version == context.version) {
            Some(known) => known.accepted |= context.accepted,
            None => found.push(Interface { uuid: context.uuid, version: context.version, accepted: context.accepted }),
        }
    }
    found
}

/// Every context that `client` asked for, with what `server` said to it.
pub(in crate::dissect) fn contexts(client: &[u8], server: &[u8]) -> Vec<Context> {
    let mut found = Vec::new();
    for bind in Pdus::new(client).filter(|pdu| matches!(pdu.kind, PduKind::Bind | PduKind::Alter)) {
        let results = results(server, &bind);
        for (index, mut context) in offered(&bind).into_iter().enumerate() {
            if let Some((accepted, wide)) = results.get(index) {
                context.accepted = *accepted;
                context.wide = *wide;
            }
            found.push(context);
            if found.len() >= CONTEXTS {
                return found;
            }
        }
    }
    found
}

fn offered(bind: &Pdu<'_>) -> Vec<Context> {
    let mut found = Vec::new();
    let mut fields = bind.reader();
    let Some(count) = fields.skip(8).and_then(|()| fields.byte()) else { return found };
    if fields.skip(3).is_none() {
        return found;
    }
    for _ in 0..count {
        let Some(context) = offer(&mut fields) else { break };
        found.push(context);
    }
    found
}

fn offer(fields: &mut super::Fields<'_>) -> Option<Context> {
    let id = fields.int16()?;
    let syntaxes = usize::from(fields.byte()?);
    fields.skip(1)?;
    let (uuid, version) = fields.syntax()?;
    // The transfer syntaxes may be cut: what was asked for is known already.
    let _: Option<()> = fields.skip(syntaxes.saturating_mul(20));
    Some(Context { id, uuid: uuid_text(uuid), version, accepted: false, wide: false })
}

/// The answers of `server` to one bind, in the order of its contexts: granted, and in NDR64.
fn results(server: &[u8], bind: &Pdu<'_>) -> Vec<(bool, bool)> {
    let wanted = if bind.kind == PduKind::Bind { PduKind::BindAck } else { PduKind::AlterAck };
    Pdus::new(server)
        .find(|pdu| pdu.kind == wanted && pdu.call == bind.call)
        .map_or_else(Vec::new, |answer| read_results(&answer))
}

fn read_results(answer: &Pdu<'_>) -> Vec<(bool, bool)> {
    let mut found = Vec::new();
    let mut fields = answer.reader();
    let Some(length) = fields.skip(8).and_then(|()| fields.int16()) else { return found };
    // The secondary address ends at a multiple of four from the front of the PDU.
    let padding = 4_usize.wrapping_sub(usize::from(length).wrapping_add(2)) & 3;
    let Some(count) = fields.skip(usize::from(length).saturating_add(padding)).and_then(|()| fields.byte()) else {
        return found;
    };
    if fields.skip(3).is_none() {
        return found;
    }
    for _ in 0..count {
        let (Some(result), Some(_reason), Some((syntax, _))) = (fields.int16(), fields.int16(), fields.syntax()) else {
            break;
        };
        found.push((result == 0, syntax == NDR64));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMR: &[u8] = b"\x78\x57\x34\x12\x34\x12\xcd\xab\xef\0\x01\x23\x45\x67\x89\xac\x01\0\0\0";
    const LSARPC: &[u8] = b"\x78\x57\x34\x12\x34\x12\xcd\xab\xef\0\x01\x23\x45\x67\x89\xab\0\0\0\0";
    const NDR: &[u8] = b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0";

    fn pdu(kind: u8, call: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 16).unwrap().to_le_bytes();
        [&[5, 0, kind, 3, 0x10, 0, 0, 0], &length[..], &[0, 0, call, 0, 0, 0], body].concat()
    }

    fn asked(kind: u8, call: u8, interface: &[u8]) -> Vec<u8> {
        pdu(kind, call, &[&[0; 8], &b"\x01\0\0\0\0\0\x01\0"[..], interface, NDR].concat())
    }

    /// An answer whose secondary address takes this many bytes.
    fn told(kind: u8, call: u8, address: &[u8], result: u8) -> Vec<u8> {
        let length = u16::try_from(address.len()).unwrap().to_le_bytes();
        let padding = vec![0; (address.len() + 2).next_multiple_of(4) - address.len() - 2];
        let head = [&[0; 8], &length[..], address, &padding, &[1, 0, 0, 0]].concat();
        pdu(kind, call, &[&head[..], &[result, 0, 0, 0], NDR].concat())
    }

    fn check(client: &[Vec<u8>], server: &[Vec<u8>], expected: &[(&str, bool)]) {
        let found = interfaces(&client.concat(), &server.concat());
        let found: Vec<(&str, bool)> =
            found.iter().map(|it| (crate::dissect::rpc::interface_name(&it.uuid).unwrap(), it.accepted)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn interfaces_are_granted_by_the_answer_to_their_own_bind() {
        let (bind, alter) = (asked(11, 1, SAMR), asked(14, 2, LSARPC));
        check(std::slice::from_ref(&bind), &[], &[("samr", false)]);
        for address in [&b""[..], b"135\0", b"49664\0", b"\\PIPE\\lsass\0"] {
            check(std::slice::from_ref(&bind), &[told(12, 1, address, 0)], &[("samr", true)]);
        }
        check(std::slice::from_ref(&bind), &[told(12, 1, b"135\0", 2)], &[("samr", false)]);
        check(std::slice::from_ref(&bind), &[told(12, 9, b"135\0", 0)], &[("samr", false)]);
        let granted = [told(12, 1, b"135\0", 0), told(15, 2, b"", 0)];
        check(&[bind.clone(), alter.clone()], &granted, &[("samr", true), ("lsarpc", true)]);
        // A bind is not granted by what answers an alteration, nor the other way round.
        check(&[bind, alter], &[told(15, 1, b"", 0), told(12, 2, b"", 0)], &[("samr", false), ("lsarpc", false)]);
    }
}
