//! The first bytes of both directions in, the application out. Every recogniser looks at each
//! direction by itself; here it is decided what the two say together, which side asked, and whether
//! further bytes could add anything. No recogniser knows a port.

use super::peek::{Peek, Rest, Sight, Speaker};
use super::{Application, Recognised, Side};
use super::{
    adws, banner, dhcp, discovery, dns, http, ike, kerberos, ldap, netbios, ntp, quic, rdp, rpc, smb, snmp, ssrp,
};
use super::{stun, syslog, tds, tftp, tls};
use crate::wire::Transport;

/// The first bytes of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prefix<'flow> {
    /// Contiguous payload bytes, from the first that is known.
    pub bytes: &'flow [u8],
    /// Whether `bytes` starts at the first payload byte of the connection.
    pub from_start: bool,
    /// Whether no further bytes will come (closed, cut, or budget reached).
    pub ended: bool,
}

/// What recognition makes of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Further bytes could still decide it.
    More,
    /// No recogniser knows it, and further bytes will not help.
    Unknown,
    /// Known; nothing further is wanted.
    Known(Box<Recognised>),
}

/// Recognises the application of a flow from the first bytes of both directions.
/// `originator` is the side that is taken for the originator so far; the answer names the client.
#[must_use]
pub fn recognise(transport: Transport, originator: Prefix<'_>, responder: Prefix<'_>) -> Progress {
    let table = match transport {
        Transport::TCP => TCP,
        Transport::UDP => UDP,
        _ => return Progress::Unknown,
    };
    let (first, second) = (look(table, &originator), look(table, &responder));
    match (first, second) {
        (Peek::Is(first), Peek::Is(second)) => both(first, second, originator, responder),
        (Peek::Is(sight), _) => one(sight, Side::Originator, originator, responder),
        (_, Peek::Is(sight)) => one(sight, Side::Responder, originator, responder),
        (Peek::Not, Peek::Not) => Progress::Unknown,
        (Peek::More, _) | (_, Peek::More) => Progress::More,
    }
}

type Recogniser = fn(&Prefix<'_>) -> Peek;

/// A recogniser, and whether its messages frame themselves so strictly that one in the middle of a
/// connection is proof as well.
struct Entry(Recogniser, Midstream);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Midstream {
    Proves,
    Nothing,
}

/// In an order in which an earlier proof never takes what a later one would know better.
const TCP: &[Entry] = &[
    Entry(tls::peek, Midstream::Proves),
    Entry(banner::peek_ssh, Midstream::Nothing),
    Entry(http::peek, Midstream::Proves),
    Entry(smb::peek, Midstream::Proves),
    Entry(rpc::peek, Midstream::Proves),
    Entry(netbios::peek_tcp, Midstream::Nothing),
    Entry(ldap::peek_tcp, Midstream::Nothing),
    Entry(kerberos::peek_tcp, Midstream::Proves),
    Entry(tds::peek, Midstream::Proves),
    Entry(rdp::peek, Midstream::Nothing),
    Entry(adws::peek, Midstream::Nothing),
    Entry(banner::peek_smtp, Midstream::Nothing),
    Entry(banner::peek_ftp, Midstream::Nothing),
    Entry(stun::peek, Midstream::Nothing),
    Entry(syslog::peek, Midstream::Nothing),
    Entry(dns::peek_tcp, Midstream::Nothing),
];

const UDP: &[Entry] = &[
    Entry(quic::peek, Midstream::Proves),
    Entry(dhcp::peek_v4, Midstream::Proves),
    Entry(stun::peek, Midstream::Proves),
    Entry(netbios::peek_udp, Midstream::Proves),
    Entry(dns::peek_udp, Midstream::Proves),
    Entry(ldap::peek_udp, Midstream::Proves),
    Entry(kerberos::peek_udp, Midstream::Proves),
    Entry(snmp::peek, Midstream::Proves),
    Entry(discovery::peek_ssdp, Midstream::Proves),
    Entry(discovery::peek_wsd, Midstream::Proves),
    Entry(syslog::peek, Midstream::Proves),
    Entry(ssrp::peek, Midstream::Proves),
    Entry(tftp::peek, Midstream::Proves),
    Entry(ike::peek, Midstream::Proves),
    Entry(dhcp::peek_v6, Midstream::Proves),
    Entry(ntp::peek, Midstream::Proves),
];

/// The first recogniser that is sure; `More` when one of them could still become so.
fn look(table: &[Entry], prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.is_empty() {
        return if prefix.ended { Peek::Not } else { Peek::More };
    }
    let mut answer = Peek::Not;
    for Entry(peek, midstream) in table {
        if !prefix.from_start && *midstream == Midstream::Nothing {
            continue;
        }
        match peek(prefix) {
            Peek::Is(sight) => return Peek::Is(sight),
            Peek::More => answer = Peek::More,
            Peek::Not => {}
        }
    }
    answer
}

/// Both directions are recognised. The client's word decides, because it says what is wanted; the
/// server's claims are added when both mean the same protocol.
fn both(first: Sight, second: Sight, originator: Prefix<'_>, responder: Prefix<'_>) -> Progress {
    let swapped = first.speaker == Speaker::Server && second.speaker != Speaker::Server
        || first.speaker == Speaker::Either && second.speaker == Speaker::Client;
    let (mut main, other, side) =
        if swapped { (second, first, Side::Responder) } else { (first, second, Side::Originator) };
    let (asking, answering) = sides(side, originator, responder);
    if main.rest == Rest::This && !asking.ended || other.rest == Rest::This && !answering.ended {
        return Progress::More;
    }
    if main.application.fulfils(other.application) || main.speaker == Speaker::Client {
        main.claims.extend(other.claims);
    }
    main.rest = Rest::Nothing;
    if main.speaker == Speaker::Either && other.speaker == Speaker::Server {
        main.speaker = Speaker::Client;
    }
    known(main, side, originator, responder)
}

/// One direction is recognised, the other is not (yet).
fn one(sight: Sight, side: Side, originator: Prefix<'_>, responder: Prefix<'_>) -> Progress {
    let (own, other) = sides(side, originator, responder);
    let wanting = match sight.rest {
        Rest::Nothing => false,
        Rest::This => !own.ended,
        Rest::Other => !other.ended,
    };
    if wanting { Progress::More } else { known(sight, side, originator, responder) }
}

fn sides<'f>(side: Side, originator: Prefix<'f>, responder: Prefix<'f>) -> (Prefix<'f>, Prefix<'f>) {
    match side {
        Side::Originator => (originator, responder),
        Side::Responder => (responder, originator),
    }
}

fn known(sight: Sight, side: Side, originator: Prefix<'_>, responder: Prefix<'_>) -> Progress {
    let client = match sight.speaker {
        Speaker::Client => Some(side),
        Speaker::Server => Some(opposite(side)),
        Speaker::Either => None,
    };
    let mut known = Recognised {
        application: Some(sight.application),
        claims: sight.claims,
        alpn: sight.alpn,
        client,
        interfaces: Vec::new(),
    };
    known.claims.sort();
    known.claims.dedup();
    if sight.application == Application::Dcerpc {
        let (asking, answering) = sides(client.unwrap_or(side), originator, responder);
        bound(&mut known, asking.bytes, answering.bytes);
    }
    Progress::Known(Box::new(known))
}

/// The interfaces that were bound; a flow bound to the endpoint mapper is one to the mapper.
fn bound(known: &mut Recognised, client: &[u8], server: &[u8]) {
    let interfaces = rpc::interfaces(client, server);
    if interfaces.iter().any(|interface| interface.uuid == rpc::EPM) {
        known.application = Some(Application::Epm);
    }
    known.interfaces = interfaces.into_iter().map(|interface| (interface.uuid, interface.accepted)).collect();
}

const fn opposite(side: Side) -> Side {
    match side {
        Side::Originator => Side::Responder,
        Side::Responder => Side::Originator,
    }
}
