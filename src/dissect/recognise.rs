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
    /// Whether [`Progress::More`] said before that nobody knows it: then nobody looks at it again, and
    /// `bytes` may be left out.
    pub foreign: bool,
}

impl Prefix<'_> {
    /// Whether an answer that it is something else holds whatever follows.
    const fn is_telling(&self) -> bool {
        self.from_start && !self.ended
    }
}

/// What recognition makes of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Further bytes could still decide it; none of the side named here could, because its first bytes
    /// are nothing that any recogniser knows.
    More(Option<Side>),
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
        Transport::TCP => &TCP,
        Transport::UDP => &UDP,
        _ => return Progress::Unknown,
    };
    let (first, second) = (look(table, &originator), look(table, &responder));
    match (first, second) {
        (Peek::Is(first), Peek::Is(second)) => both(first, second, originator, responder),
        (Peek::Is(sight), other) => one(settled(sight, &other), Side::Originator, originator, responder),
        (other, Peek::Is(sight)) => one(settled(sight, &other), Side::Responder, originator, responder),
        (Peek::Not, Peek::Not) => Progress::Unknown,
        (Peek::Not, Peek::More) => Progress::More(originator.is_telling().then_some(Side::Originator)),
        (Peek::More, Peek::Not) => Progress::More(responder.is_telling().then_some(Side::Responder)),
        (Peek::More, Peek::More) => Progress::More(None),
    }
}

type Recogniser = fn(&Prefix<'_>) -> Peek;

/// A recogniser, and whether its messages frame themselves so strictly that one in the middle of a
/// connection is proof as well.
struct Entry {
    peek: Recogniser,
    midstream: Midstream,
    /// Ranges of the bytes with which its messages begin: of any other it says that it is something else.
    begins: &'static [(u8, u8)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Midstream {
    Proves,
    Nothing,
}

const fn entry(peek: Recogniser, midstream: Midstream, begins: &'static [(u8, u8)]) -> Entry {
    Entry { peek, midstream, begins }
}

/// With any byte.
const ANY: &[(u8, u8)] = &[(0, 255)];

/// In an order in which an earlier proof never takes what a later one would know better.
const TCP_ENTRIES: [Entry; 16] = [
    entry(tls::peek, Midstream::Proves, &[(20, 24)]),
    entry(banner::peek_ssh, Midstream::Nothing, &[(b'S', b'S')]),
    entry(http::peek, Midstream::Proves, &[(b'A', b'Z')]),
    entry(smb::peek, Midstream::Proves, &[(0, 0)]),
    entry(rpc::peek, Midstream::Proves, &[(5, 5)]),
    entry(netbios::peek_tcp, Midstream::Proves, &[(0x81, 0x81)]),
    entry(ldap::peek_tcp, Midstream::Proves, &[(0x30, 0x30)]),
    entry(kerberos::peek_tcp, Midstream::Proves, &[(0, 0)]),
    entry(tds::peek, Midstream::Proves, &[(1, 4), (14, 18)]),
    entry(rdp::peek, Midstream::Nothing, &[(3, 3)]),
    entry(adws::peek, Midstream::Nothing, &[(0, 0)]),
    entry(banner::peek_smtp, Midstream::Nothing, &[(b'2', b'2'), (b'A', b'Z'), (b'a', b'z')]),
    entry(banner::peek_ftp, Midstream::Nothing, &[(b'2', b'2'), (b'A', b'Z'), (b'a', b'z')]),
    entry(stun::peek, Midstream::Nothing, &[(0, 0x3f)]),
    entry(syslog::peek, Midstream::Nothing, &[(b'0', b'9'), (b'<', b'<')]),
    entry(dns::peek_tcp, Midstream::Nothing, ANY),
];

const UDP_ENTRIES: [Entry; 16] = [
    entry(quic::peek, Midstream::Proves, &[(0x80, 0xff)]),
    entry(dhcp::peek_v4, Midstream::Proves, &[(1, 2)]),
    entry(stun::peek, Midstream::Proves, &[(0, 0x3f)]),
    entry(netbios::peek_udp, Midstream::Proves, ANY),
    entry(dns::peek_udp, Midstream::Proves, ANY),
    entry(ldap::peek_udp, Midstream::Proves, &[(0x30, 0x30)]),
    entry(kerberos::peek_udp, Midstream::Proves, ANY),
    entry(snmp::peek, Midstream::Proves, &[(0x30, 0x30)]),
    entry(discovery::peek_ssdp, Midstream::Proves, &[(b'H', b'N')]),
    entry(discovery::peek_wsd, Midstream::Proves, &[(b'<', b'<'), (0xef, 0xef)]),
    entry(syslog::peek, Midstream::Proves, &[(b'0', b'9'), (b'<', b'<')]),
    entry(ssrp::peek, Midstream::Proves, &[(2, 5)]),
    entry(tftp::peek, Midstream::Proves, &[(0, 0)]),
    entry(ike::peek, Midstream::Proves, ANY),
    entry(dhcp::peek_v6, Midstream::Proves, &[(1, 13)]),
    entry(ntp::peek, Midstream::Proves, ANY),
];

/// The recognisers of a transport, and for each first byte those to ask, a bit each: most payload is encrypted or
/// compressed further on, and asking all of them of every flow would cost more than all else about it.
struct Table {
    entries: [Entry; 16],
    to_ask: [u16; 256],
}

static TCP: Table = table(TCP_ENTRIES);
static UDP: Table = table(UDP_ENTRIES);

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "the compiler works it out")]
const fn table(entries: [Entry; 16]) -> Table {
    let mut to_ask = [0; 256];
    let mut place = 0;
    while place < entries.len() {
        let mut range = 0;
        while range < entries[place].begins.len() {
            let (first, last) = entries[place].begins[range];
            let mut byte = first as usize;
            while byte <= last as usize {
                to_ask[byte] |= 1 << place;
                byte += 1;
            }
            range += 1;
        }
        place += 1;
    }
    Table { entries, to_ask }
}

impl Table {
    /// The recognisers that may know what begins with this byte, in their order.
    fn of(&self, first: u8) -> impl Iterator<Item = &Entry> {
        let mut left = self.to_ask.get(usize::from(first)).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            let entry = self.entries.get(left.trailing_zeros() as usize)?;
            left &= left.wrapping_sub(1);
            Some(entry)
        })
    }
}

/// The first recogniser that is sure; `More` when one of them could still become so.
fn look(table: &Table, prefix: &Prefix<'_>) -> Peek {
    if prefix.foreign {
        return Peek::Not;
    }
    let Some(first) = prefix.bytes.first() else {
        return if prefix.ended { Peek::Not } else { Peek::More };
    };
    let mut answer = Peek::Not;
    for entry in table.of(*first) {
        if !prefix.from_start && entry.midstream == Midstream::Nothing {
            continue;
        }
        match (entry.peek)(prefix) {
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
        return Progress::More(None);
    }
    if main.application.fulfils(other.application) || main.speaker == Speaker::Client {
        main.claims.extend(other.claims);
    }
    if main.rest == Rest::Other {
        main.rest = Rest::Nothing;
    }
    if main.speaker == Speaker::Either && other.speaker == Speaker::Server {
        main.speaker = Speaker::Client;
    }
    known(main, side, originator, responder)
}

/// An answer that is something else will not add to what was asked.
fn settled(mut sight: Sight, other: &Peek) -> Sight {
    if sight.rest == Rest::Other && *other == Peek::Not {
        sight.rest = Rest::Nothing;
    }
    sight
}

/// One direction is recognised, the other is not (yet).
fn one(sight: Sight, side: Side, originator: Prefix<'_>, responder: Prefix<'_>) -> Progress {
    let (own, other) = sides(side, originator, responder);
    let wanting = match sight.rest {
        Rest::Nothing => false,
        Rest::This => !own.ended,
        Rest::Other => !other.ended,
    };
    if wanting { Progress::More(None) } else { known(sight, side, originator, responder) }
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
        Speaker::Server => Some(side.other()),
        Speaker::Either => None,
    };
    let mut known = Recognised {
        application: Some(sight.application),
        claims: sight.claims,
        alpn: sight.alpn,
        client,
        interfaces: Vec::new(),
        partial: sight.rest == Rest::This && sight.speaker == Speaker::Client,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{ClaimSource, cldap, dcom, epm};
    use super::*;

    const NONE: &[u8] = &[];

    /// Both sides have said all that they will.
    fn ended(transport: Transport, first: &[u8], second: &[u8], from_start: bool) -> Option<Recognised> {
        let prefix = |bytes| Prefix { bytes, from_start, ended: true, foreign: false };
        match recognise(transport, prefix(first), prefix(second)) {
            Progress::Known(known) => Some(*known),
            Progress::Unknown => None,
            Progress::More(_) => panic!("more is wanted where nothing comes"),
        }
    }

    fn check(first: &[u8], second: &[u8], expected: Option<(Application, Option<Side>)>) {
        let found = ended(Transport::TCP, first, second, true);
        assert_eq!(found.map(|known| (known.application.unwrap(), known.client)), expected);
    }

    /// A hello for `a.example` with ALPN `h2`, in one record.
    fn hello() -> Vec<u8> {
        let extensions = b"\0\0\0\x0e\0\x0c\0\0\x09a.example\0\x10\0\x05\0\x03\x02h2";
        let body = [b"\x03\x03", &[7; 32][..], b"\0\0\x02\x13\x01\x01\0\0\x1b", extensions].concat();
        let length = u8::try_from(body.len()).unwrap();
        [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &body[..]].concat()
    }

    #[test]
    fn the_client_is_who_asks() {
        use Side::{Originator, Responder};
        let ssh: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";
        check(ssh, ssh, Some((Application::Ssh, None)));
        check(NONE, ssh, Some((Application::Ssh, None)));
        check(&hello(), NONE, Some((Application::Https, Some(Originator))));
        check(NONE, &hello(), Some((Application::Https, Some(Responder))));
        check(b"EHLO me\r\n", b"220 welcome\r\n", Some((Application::Smtp, Some(Originator))));
        check(b"220 a ESMTP\r\n", NONE, Some((Application::Smtp, Some(Responder))));
        check(b"HTTP/1.1 200 OK\r\n", b"GET / HTTP/1.1\r\n\r\n", Some((Application::Http, Some(Responder))));
        check(&[0x5a; 200], &[0xa5; 200], None);
        check(NONE, NONE, None);
    }

    #[test]
    fn a_hello_is_waited_for_until_it_is_whole_and_answered() {
        let hello = hello();
        for end in 1..=hello.len() {
            let open = |bytes| Prefix { bytes, from_start: true, ..Prefix::default() };
            assert_eq!(recognise(Transport::TCP, open(&hello[..end]), open(NONE)), Progress::More(None), "{end}");
        }
        let known = ended(Transport::TCP, &hello, NONE, true).unwrap();
        assert_eq!(known.claims, [super::super::Claim { source: ClaimSource::Sni, name: "a.example".into() }]);
        assert_eq!(known.alpn.as_deref(), Some("h2"));
    }

    #[test]
    fn a_hello_over_two_records_is_one() {
        let whole = hello();
        let (first, second) = whole[5..].split_at(20);
        let record = |bytes: &[u8]| [&[22, 3, 1, 0, u8::try_from(bytes.len()).unwrap()], bytes].concat();
        let split = [record(first), record(second)].concat();
        assert_eq!(ended(Transport::TCP, &split, NONE, true), ended(Transport::TCP, &whole, NONE, true));
    }

    #[test]
    fn in_the_middle_only_frames_prove() {
        let cases: &[(&[u8], Option<Application>)] = &[
            (b"\x17\x03\x03\0\x05abcde\x17\x03\x03\0\x10", Some(Application::Tls)),
            (b"\x17\x03\x03\0\x05abcdefghijklm", None),
            (b"\0\0\0\x40\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0", Some(Application::Smb)),
            (b"GET / HTTP/1.1\r\n\r\n", Some(Application::Http)),
            (b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0", Some(Application::Ldap)),
            (b"\x30\x0c\x02\x01\x01\x60\x17\x02\x01\x03\x04\0\x80\0", None),
            (b"SSH-2.0-x\r\n", None),
        ];
        for (bytes, expected) in cases {
            let found = ended(Transport::TCP, bytes, NONE, false);
            assert_eq!(found.and_then(|known| known.application), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn ldap_and_its_datagrams() {
        let bind = b"\x30\x84\0\0\0\x10\x02\x01\x01\x60\x84\0\0\0\x07\x02\x01\x03\x04\0\x80\0";
        check(bind, NONE, Some((Application::Ldap, Some(Side::Originator))));
        let search = b"\x30\x25\x02\x01\x01\x63\x20\x04\0\x0a\x01\0\x0a\x01\0\x02\x01\0\x02\x01\0\x01\x01\0";
        let found = ended(Transport::UDP, search, NONE, true);
        assert_eq!(found.and_then(|known| known.application), Some(Application::Cldap));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(
            first in prop::collection::vec(any::<u8>(), 0..600),
            second in prop::collection::vec(any::<u8>(), 0..600),
            tcp in any::<bool>(),
            from_start in any::<bool>(),
        ) {
            let transport = if tcp { Transport::TCP } else { Transport::UDP };
            prop_assert_eq!(ended(transport, &first, &second, from_start), None);
            parse_all(&first, &second);
        }

        #[test]
        fn no_damaged_message_makes_a_parser_panic(
            seed in prop::sample::select(SEEDS),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            end in any::<prop::sample::Index>(),
            tail in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = [seed, &tail].concat();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(end.index(bytes.len()) + 1);
            for transport in [Transport::TCP, Transport::UDP] {
                ended(transport, &bytes, seed, true);
                ended(transport, seed, &bytes, false);
            }
            parse_all(&bytes, seed);
            parse_all(seed, &bytes);
        }
    }

    proptest! {
        /// Whoever is not asked because of the first byte would have said that it is something else.
        #[test]
        fn who_is_not_asked_would_not_know(
            seed in prop::sample::select(SEEDS),
            first in any::<u8>(),
            end in any::<prop::sample::Index>(),
            (from_start, ended) in any::<(bool, bool)>(),
        ) {
            let mut bytes = seed.to_vec();
            bytes[0] = first;
            bytes.truncate(end.index(bytes.len()) + 1);
            let prefix = Prefix { bytes: &bytes, from_start, ended, foreign: false };
            for entry in TCP.entries.iter().chain(&UDP.entries) {
                let begins = entry.begins.iter().any(|(low, high)| (low..=high).contains(&&first));
                prop_assert!(begins || (entry.peek)(&prefix) == Peek::Not, "{}", bytes.escape_ascii());
            }
        }
    }

    proptest! {
        /// What is nothing that anybody knows stays so: a stream whatever follows, a datagram, which is
        /// whole, when nothing follows.
        #[test]
        fn foreign_bytes_stay_foreign(
            seed in prop::sample::select(SEEDS),
            damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            tail in prop::collection::vec(any::<u8>(), 0..200),
            tcp in any::<bool>(),
        ) {
            let mut bytes = [seed, &tail].concat();
            if let Some((at, byte)) = damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let table = if tcp { &TCP } else { &UDP };
            let open = |end: usize| Prefix { bytes: &bytes[..end], from_start: true, ..Prefix::default() };
            let mut foreign = false;
            for end in 1..=bytes.len() {
                foreign = look(table, &open(end)) == Peek::Not || (foreign && tcp);
                if foreign {
                    prop_assert_eq!(look(table, &open(end)), Peek::Not, "{} of {}", end, bytes.escape_ascii());
                    prop_assert_eq!(look(table, &Prefix { ended: true, ..open(end) }), Peek::Not);
                }
            }
        }
    }

    /// The fronts of messages, so that damage reaches the readers behind them.
    const SEEDS: &[&[u8]] = &[
        b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03",
        b"\x05\0\x0b\x03\x10\0\0\0\xa0\0\0\0\x01\0\0\0\xd0\x16\xd0\x16\0\0\0\0\x02\0\0\0\0\0\x01\0\
          \x08\x83\xaf\xe1\x1f\x5d\xc9\x11\x91\xa4\x08\0\x2b\x14\xa0\xfa\x03\0\0\0",
        b"\x05\0\x02\x03\x10\0\0\0\x80\0\0\0\x01\0\0\0\x68\0\0\0\0\0\0\0",
        b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x01a\0\0\x01\0\x01\xc0\x0c\0\x41\0\x01\0\0\0\x3c\0\x10",
        b"\x30\x84\0\0\0\x60\x02\x01\x01\x64\x84\0\0\0\x57\x04\0\x30\x84\0\0\0\x4f",
        b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x40\x60",
        b"\0\0\0\x90\xfeSMB\x40\0\0\0\0\0\0\0\x03\0\0\0",
        b"\x12\x01\0\x2f\0\0\x01\0\0\0\x1a\0\x06",
        b"\x05\x40\0ServerName;A;InstanceName;B;tcp;1433;;",
        b"\x6a\x81\x90\x30\x81\x8d\xa1\x03\x02\x01\x05\xa2",
    ];

    fn parse_all(client: &[u8], server: &[u8]) {
        let _ = dns::parse(client).map(|message| dns::addresses(&message));
        let _ = dns::tcp_messages(client).map(dns::parse).count();
        let _ = (epm::announcements(client, server), dcom::bindings(client, server), rpc::interfaces(client, server));
        let _ = (ssrp::instances(server), cldap::ping(server), ldap::root_dse(server), smb::opened(client));
    }
}
