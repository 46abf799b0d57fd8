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
