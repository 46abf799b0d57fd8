//! One direction of an association in, its calls or results out, fragments joined (C706 section
//! 12.6.4.9 and 12.6.4.10). A call whose fragments are not all there is left out.

use std::borrow::Cow;

use super::{Fields, Pdu, PduKind, Pdus};

/// Longest argument block that is joined from fragments.
const LONGEST: usize = 32 * 1024;

/// A call.
#[derive(Clone, Debug)]
pub(in crate::dissect) struct Request<'b> {
    pub(in crate::dissect) call: u32,
    pub(in crate::dissect) context: u16,
    pub(in crate::dissect) operation: u16,
    pub(in crate::dissect) little: bool,
    pub(in crate::dissect) stub: Cow<'b, [u8]>,
}

/// The result of a call.
#[derive(Clone, Debug)]
pub(in crate::dissect) struct Response<'b> {
    pub(in crate::dissect) call: u32,
    pub(in crate::dissect) context: u16,
    pub(in crate::dissect) little: bool,
    pub(in crate::dissect) stub: Cow<'b, [u8]>,
    /// Where its last fragment starts in the direction it was read from.
    pub(in crate::dissect) offset: usize,
}

/// The whole calls in one direction.
pub(in crate::dissect) fn requests(client: &[u8]) -> Vec<Request<'_>> {
    joined(client, PduKind::Request)
        .into_iter()
        .map(|part| Request {
            call: part.call,
            context: part.context,
            operation: part.operation,
            little: part.little,
            stub: part.stub,
        })
        .collect()
}

/// The whole results in one direction.
pub(in crate::dissect) fn responses(server: &[u8]) -> Vec<Response<'_>> {
    joined(server, PduKind::Response)
        .into_iter()
        .map(|part| Response {
            call: part.call,
            context: part.context,
            little: part.little,
            stub: part.stub,
            offset: part.offset,
        })
        .collect()
}

struct Part<'b> {
    call: u32,
    context: u16,
    operation: u16,
    little: bool,
    stub: Cow<'b, [u8]>,
    offset: usize,
}

fn joined(bytes: &[u8], kind: PduKind) -> Vec<Part<'_>> {
    let mut done = Vec::new();
    // Fragments of one call follow each other; a connection has one call in the making at a time.
    let mut open: Option<Part<'_>> = None;
    for pdu in Pdus::new(bytes).filter(|pdu| pdu.kind == kind && pdu.whole) {
        let Some(part) = part(&pdu) else { continue };
        let part = match open.take() {
            Some(before) if !pdu.first && before.call == pdu.call => append(before, &part),
            Some(_) | None if pdu.first => Some(part),
            Some(_) | None => None,
        };
        let Some(part) = part else { continue };
        if pdu.last {
            done.push(part);
        } else {
            open = Some(part);
        }
    }
    done
}

fn append<'b>(mut before: Part<'b>, more: &Part<'b>) -> Option<Part<'b>> {
    if before.stub.len().saturating_add(more.stub.len()) > LONGEST {
        return None;
    }
    before.stub.to_mut().extend_from_slice(&more.stub);
    before.offset = more.offset;
    Some(before)
}

fn part<'b>(pdu: &Pdu<'b>) -> Option<Part<'b>> {
    let mut fields: Fields<'b> = pdu.reader();
    let _allocation_hint = fields.int32()?;
    let context = fields.int16()?;
    // In a result the operation's place holds a cancel count.
    let operation = fields.int16()?;
    if pdu.object && pdu.kind == PduKind::Request {
        fields.skip(16)?;
    }
    let stub = Cow::Borrowed(fields.rest());
    Some(Part { call: pdu.call, context, operation, little: pdu.little, stub, offset: pdu.offset })
}
