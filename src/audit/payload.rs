//! The first bytes of a flow against the application that an atom documents. Silence is never a
//! contradiction; bytes that no recogniser knows are one only where a recogniser could not have
//! missed the documented application.

use super::words;
use crate::dissect::tls::MOST_NAMES;
use crate::dissect::{Application, Claim, ClaimSource, Payload, Recognised};
use crate::flow::{Conversation, DirectionBasis, Outcome};
use crate::matrix::Atom;
use crate::wire::{FrameRef, Transport};

/// What the bytes say about an atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    /// They are what the row says.
    Agree,
    /// Not captured, or not telling.
    Silent,
    /// They are something else: what they are, or `None` for bytes that no recogniser knows.
    Contradict(Option<Application>),
}

/// Applications whose first bytes a recogniser always knows when it sees the start of the flow.
const COMPLETE: &[Application] = &[
    Application::Tls,
    Application::Https,
    Application::Http,
    Application::Ldap,
    Application::Gc,
    Application::Smb,
    Application::Epm,
    Application::Dcerpc,
    Application::Dns,
    Application::Tds,
    Application::Kerberos,
];

/// The same for datagrams, each of which begins anew.
const COMPLETE_DATAGRAMS: &[Application] = &[Application::Dns, Application::Dhcp, Application::Cldap];

/// Fewer bytes than this from the originator prove nothing.
const TELLING_BYTES: u64 = 16;

/// Holds the bytes of `flow` against `atom`.
pub(super) fn compare(flow: &Conversation, atom: &Atom) -> Bytes {
    let Some(documented) = atom.application else {
        return if application(flow).is_some() { Bytes::Agree } else { Bytes::Silent };
    };
    match application(flow) {
        Some(seen) if seen.fulfils(documented) => Bytes::Agree,
        Some(seen) => Bytes::Contradict(Some(seen)),
        None if is_foreign(flow) && COMPLETE.contains(&documented) => Bytes::Contradict(None),
        None if is_foreign_datagram(flow) && COMPLETE_DATAGRAMS.contains(&documented) => Bytes::Contradict(None),
        None => Bytes::Silent,
    }
}

/// The sentence for bytes that contradict an atom.
pub(super) fn contradiction(flow: &Conversation, atom: &Atom, seen: Option<Application>) -> String {
    let documented = atom.application.map(Application::name).unwrap_or_default();
    match seen {
        Some(seen) => words::other_protocol(seen.name(), documented, flow.first_frame),
        None => words::foreign_bytes(documented, flow.first_frame),
    }
}

/// The recognised application, if any.
pub(super) fn application(flow: &Conversation) -> Option<Application> {
    recognised(flow)?.application
}

/// What was recognised, if anything.
pub(super) fn recognised(flow: &Conversation) -> Option<&Recognised> {
    match &*flow.payload {
        Payload::Recognised(recognised) => Some(recognised),
        Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
    }
}

/// What the certificate of a server says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certified<'flow> {
    /// It bears the name.
    Bears,
    /// It bears other names: the first of them, and how many more.
    BearsOthers(&'flow str, usize),
}

/// What the certificate of the server says of `name`, and in which frame, where TLS 1.2 or older shows it. Only
/// alternative names count, the common name does not, and a wildcard stands for one label (RFC 9525 section 6.3).
pub(super) fn certified<'flow>(flow: &'flow Conversation, name: &str) -> Option<(Certified<'flow>, FrameRef)> {
    let frame = flow.certified()?;
    let claims = recognised(flow)?.claims.iter();
    let mut names = claims.filter(|claim| claim.source == ClaimSource::Certificate).map(|claim| claim.name.as_str());
    let parent = name.split_once('.').map(|(_, parent)| parent);
    let bears = |own: &str| own == name || own.strip_prefix("*.").is_some_and(|own| Some(own) == parent);
    let (first, more) = (names.clone().next()?, names.clone().count().saturating_sub(1));
    if names.any(bears) {
        return Some((Certified::Bears, frame));
    }
    // Of a certificate with more names not all were kept.
    (more.saturating_add(1) < MOST_NAMES).then_some((Certified::BearsOthers(first, more), frame))
}

/// Whether the captured start of a TCP connection is bytes that no recogniser knows.
pub(super) fn is_foreign(flow: &Conversation) -> bool {
    let from_start = matches!(flow.direction_basis, DirectionBasis::Syn | DirectionBasis::SynAck);
    *flow.payload == Payload::NotRecognised
        && flow.transport == Transport::TCP
        && from_start
        && flow.outcome != Outcome::Midstream
        && !flow.is_truncated()
        && !flow.is_ambiguous()
        && is_telling(flow)
}

/// Whether the captured datagrams are bytes that no recogniser knows.
fn is_foreign_datagram(flow: &Conversation) -> bool {
    *flow.payload == Payload::NotRecognised
        && flow.transport == Transport::UDP
        && !flow.is_truncated()
        && !flow.is_ambiguous()
        && is_telling(flow)
}

/// Whether enough was said to tell what it is.
pub(super) const fn is_telling(flow: &Conversation) -> bool {
    flow.sent.payload.saturating_add(flow.received.payload) >= TELLING_BYTES
}

/// Whether bytes that could speak against the flow were lost: it went on, and its start, one of its
/// directions or payload that was acknowledged is not in the capture. Or they may come yet: it was opened, and
/// nothing was said on it so far. What the snap length cut is no loss, since that was chosen before anything
/// was said.
pub(super) fn is_lossy(flow: &Conversation) -> bool {
    let unstarted = !matches!(flow.direction_basis, DirectionBasis::Syn | DirectionBasis::SynAck);
    let holed = *flow.payload == Payload::NotCaptured && !flow.is_truncated();
    let lost = unstarted || flow.outcome == Outcome::OneSided || flow.missed() > 0 || holed || is_unsaid(flow);
    flow.transport == Transport::TCP && flow.outcome.is_open() && lost
}

/// Whether it speaks a protocol in which nobody says whom he means: only DNS could name its peer.
pub(super) fn never_names(flow: &Conversation) -> bool {
    let named = [Application::Tls, Application::Https, Application::Http, Application::Winrm, Application::Quic];
    application(flow).is_some_and(|spoken| !named.iter().any(|named| spoken.fulfils(*named)))
}

/// The name outside of an encrypted hello.
pub(super) fn outer_name(flow: &Conversation) -> Option<&Claim> {
    recognised(flow)?.claims.iter().find(|claim| claim.source == ClaimSource::OuterSni)
}

/// Whether the request was read in part, and no name stands in that part.
pub(super) fn may_name_further(flow: &Conversation) -> bool {
    let names = |claim: &Claim| claim.source != ClaimSource::Certificate;
    recognised(flow).is_some_and(|found| found.partial && !found.claims.iter().any(names)) && !never_names(flow)
}

/// Whether a connection was opened, nothing was said on it, and nothing shows that nothing was.
pub(super) fn is_unsaid(flow: &Conversation) -> bool {
    *flow.payload == Payload::None && flow.outcome == Outcome::Established && !flow.is_mute() && flow.missed() == 0
}

/// Whether the capture could not hold the flow's hello, or the hello hides its name: then silence
/// about names says nothing.
pub(super) fn hides_name(flow: &Conversation) -> bool {
    let outer = outer_name(flow).is_some();
    // Every request of HTTP says whom it means, the first on a connection and any later one.
    let asks = application(flow) == Some(Application::Http) && flow.sent.payload > 0;
    outer
        || flow.is_truncated()
        || may_name_further(flow)
        || (flow.outcome == Outcome::Midstream && !asks)
        || matches!(*flow.payload, Payload::None | Payload::NotCaptured)
}
