//! Recognises connection-oriented DCE/RPC by its PDU header (C706 section 12.6.3.1).

use super::{HEADER, PduKind, Pdus};
use crate::dissect::peek::{Peek, Rest, Sight, Speaker, short};
use crate::dissect::{Application, Prefix};

/// Whether a direction starts with a DCE/RPC PDU.
pub(in crate::dissect) fn peek(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.first().is_some_and(|version| *version != 5) || prefix.bytes.get(1).is_some_and(|minor| *minor > 1)
    {
        return Peek::Not;
    }
    if prefix.bytes.len() < HEADER {
        return short(prefix);
    }
    let mut pdus = Pdus::new(prefix.bytes);
    let Some(pdu) = pdus.next() else { return Peek::Not };
    let speaker = match pdu.kind {
        PduKind::Request | PduKind::Bind | PduKind::Alter | PduKind::Auth3 => Speaker::Client,
        PduKind::Response | PduKind::Fault | PduKind::BindAck | PduKind::BindNak | PduKind::AlterAck => Speaker::Server,
        PduKind::Control => Speaker::Either,
    };
    let rest = match pdu.kind {
        // One that the capture cut shows its interfaces all the same, and its answer is worth waiting for.
        PduKind::Bind | PduKind::Alter if !pdu.whole && !prefix.ended => Rest::This,
        PduKind::Bind | PduKind::Alter => Rest::Other,
        PduKind::BindAck | PduKind::AlterAck if !pdu.whole => Rest::This,
        PduKind::Request
        | PduKind::Response
        | PduKind::Fault
        | PduKind::BindAck
        | PduKind::BindNak
        | PduKind::AlterAck
        | PduKind::Auth3
        | PduKind::Control => Rest::Nothing,
    };
    Peek::Is(Sight { application: Application::Dcerpc, speaker, claims: Vec::new(), alpn: None, rest })
}
