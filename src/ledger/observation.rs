//! A settled ledger, as the audit reads it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::NameGap;
use super::continuity::{ClockStep, Losses, Outage};
use crate::dissect::name;
use crate::flow::Conversation;
use crate::wire::{FrameRef, LinkType, Timestamp, Undecoded};

/// How reading an input ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InputState {
    /// Read to its end.
    #[default]
    Whole,
    /// It breaks off: what was read before counts. Holds the reason with its byte offset.
    Cut(String),
    /// Stopped by the user or by `--to`.
    Stopped,
}

/// One capture that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// As the user named it; `-` for standard input.
    pub path: String,
    /// SHA-256 of the file's bytes as read (compressed files: of the compressed bytes), lower-case hex.
    pub sha256: String,
    /// Size of the file in bytes as read.
    pub bytes: u64,
    /// Packets in it, before filters.
    pub packets: u64,
    /// Time of its first packet.
    pub first: Option<Timestamp>,
    /// Time of its last packet.
    pub last: Option<Timestamp>,
    /// How reading ended.
    pub state: InputState,
    /// Packets that the capturing system reported as lost (pcapng interface statistics).
    pub reported_drops: u64,
    /// Of these, packets that the interface itself could not take.
    pub interface_drops: u64,
    /// When they were lost, where that is known.
    pub losses: Losses,
    /// When its interface was down, in order.
    pub outages: Vec<Outage>,
    /// When its clock was set, as a watch noticed, in order.
    pub clock_steps: Vec<ClockStep>,
    /// Names that its author wrote into it, in order: a comment, unless somebody trusts them.
    pub declared: Vec<DeclaredName>,
}

impl Input {
    /// Takes note of packets from `first` to `last`.
    #[inline]
    pub(crate) fn widen(&mut self, first: Timestamp, last: Timestamp) {
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
    }
}

/// A name that somebody gives to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredName {
    /// The address.
    pub address: IpAddr,
    /// The name, canonical.
    pub name: String,
}

impl DeclaredName {
    /// A name as it was written; `None` for what is no name.
    #[must_use]
    pub fn new(address: IpAddr, text: &[u8]) -> Option<Self> {
        name::from_text(text).map(|name| Self { address, name })
    }
}

/// What a capture says about one of its interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapInfo {
    /// Input that it belongs to.
    pub input: u32,
    /// Its name (`if_name`) or description, empty when the file has none.
    pub name: String,
    /// Link type.
    pub link: LinkType,
    /// Snap length in bytes, 0 for none.
    pub snap_length: u32,
    /// Addresses of the interface (`if_IPv4addr`, `if_IPv6addr`).
    pub addresses: Vec<IpAddr>,
    /// Its network card (`if_MACaddr`).
    pub card: Option<[u8; 6]>,
}

/// Where each frame and datagram went; the accounting identity is over these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames read that passed the filters.
    pub frames: u64,
    /// Captured bytes of those frames.
    pub bytes: u64,
    /// Frames whose outermost datagram reached a flow.
    pub decoded: u64,
    /// Copies of frames already counted, by packet id or fingerprint.
    pub duplicates: u64,
    /// Frames that held a fragment (reassembled ones included).
    pub fragments: u64,
    /// Fragments of datagrams that never became whole.
    pub fragments_pending: u64,
    /// Frames whose outermost layer gave no datagram, by reason.
    pub undecoded: BTreeMap<Undecoded, u64>,
    /// Tunnels whose inside could not be decoded, by reason.
    pub undecoded_inner: BTreeMap<Undecoded, u64>,
    /// Frames cut by the snap length.
    pub truncated: u64,
    /// Frames whose time stamp lies before that of a frame already read from the same input.
    pub time_inversions: u64,
    /// Frames that the capturing host dropped itself.
    pub dropped_by_host: u64,
    /// Flows folded because the flow budget was reached.
    pub folded_flows: u64,
    /// Payload bytes that were acknowledged but never captured (capture loss).
    pub missed_bytes: u64,
    /// Names and addresses that had to make room for others of the same client.
    pub names_pushed_out: u64,
    /// DNS messages that were not kept because the budget for names was used up.
    pub names_unread: u64,
    /// Messages of SQL Server browsers that were not kept because the budget for them was used up: then none counts.
    pub browsers_unread: u64,
    /// Flows whose first bytes were not kept because the budget for those of all flows was used up.
    pub payloads_not_held: u64,
}

/// How a name look-up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolutionResult {
    /// Addresses came back.
    Resolved,
    /// The name exists, without addresses of the asked type.
    Empty,
    /// An answer came, and the capture cut it before it said anything.
    Cut,
    /// NXDOMAIN, SERVFAIL, REFUSED, …: the RCODE (RFC 1035).
    Failed(u8),
    /// No answer was seen.
    Unanswered,
    /// Answers that contradict each other came to one question.
    Conflicting,
}

/// One DNS question and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Who asked.
    pub client: IpAddr,
    /// Who was asked.
    pub resolver: IpAddr,
    /// The name asked for, canonical.
    pub name: String,
    /// DNS type asked for (1 A, 28 AAAA, 33 SRV, …).
    pub kind: u16,
    /// When it was asked.
    pub asked: Timestamp,
    /// Frame of the question.
    pub question: FrameRef,
    /// Frame of the answer.
    pub answer: Option<FrameRef>,
    /// How it ended.
    pub result: ResolutionResult,
}

/// An address that a client was given for a name: the strict form of reliability section 4.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Who asked.
    pub client: IpAddr,
    /// Who answered; the audit checks that it plays the DNS role.
    pub resolver: IpAddr,
    /// The address given.
    pub address: IpAddr,
    /// The name asked for, canonical.
    pub name: String,
    /// Names along the CNAME chain, in order.
    pub aliases: Vec<String>,
    /// Time of the answer: flows that start earlier are not bound.
    pub from: Timestamp,
    /// End of validity: answer time plus TTL plus grace.
    pub until: Timestamp,
    /// When it had to make room: this client had been given 64 other addresses for the name, or 16 other
    /// names for the address, that were used since. From then on it is known to have been, and proves
    /// nothing.
    pub pushed_out: Option<Timestamp>,
    /// Frame of the question.
    pub question: FrameRef,
    /// Frame of the answer.
    pub answer: FrameRef,
}

impl Binding {
    /// Whether it holds for a flow that starts at this time.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.is_valid(at) && self.pushed_out.is_none_or(|pushed| at < pushed)
    }

    /// Whether it would hold for a flow that starts at this time, had it not made room for others.
    #[must_use]
    pub fn is_pushed_out(&self, at: Timestamp) -> bool {
        self.is_valid(at) && !self.holds(at)
    }

    fn is_valid(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// Who announced a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Announcer {
    /// An endpoint mapper (C706, MS-RPCE).
    EndpointMapper,
    /// A DCOM activation (MS-DCOM).
    Activation,
    /// A SQL Server browser (MC-SQLR).
    Browser,
}

/// A port that an endpoint mapper (or DCOM, or SQL browser) gave to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Who asked.
    pub client: IpAddr,
    /// Who answered.
    pub server: IpAddr,
    /// Address in the answer when it is neither the server nor unspecified.
    pub elsewhere: Option<IpAddr>,
    /// The host, canonical, where the answer names it by nothing but its name: whose that is, is for the audit.
    pub host: Option<String>,
    /// The announced TCP port.
    pub port: u16,
    /// Who announced it.
    pub by: Announcer,
    /// RPC interface UUID in text form; the instance name for SQL.
    pub interface: String,
    /// When.
    pub at: Timestamp,
    /// Frame of the answer.
    pub frame: FrameRef,
}

/// What a directory answered about one of its hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectorySign {
    /// The frame of the answer; over TCP, the first of its flow.
    pub frame: FrameRef,
    /// Who sent it.
    pub speaker: IpAddr,
    /// The host that it names, canonical.
    pub host: String,
    /// What it says of the host.
    pub says: DirectorySays,
}

/// What a directory says of a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirectorySays {
    /// DNS located this service at it (RFC 2782).
    Located {
        /// The name of the service, canonical: `_ldap._tcp.dc._msdcs.corp.example`.
        service: String,
    },
    /// It answered a domain controller ping itself (MS-ADTS 6.3.1).
    Pinged {
        /// Its capability bits (MS-ADTS 6.3.1.2).
        flags: u32,
    },
    /// It named itself at the root of its directory (RFC 4512 section 5.1).
    Rooted {
        /// Whether it said that it is a global catalog (`isGlobalCatalogReady`).
        global_catalog: bool,
    },
}

/// Addresses that one network card sent for itself: those of one host. A card that sends for many
/// addresses, or packets that a router has passed on, gives no sign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardSign {
    /// The addresses in order, each with the first frame that opened a connection from it.
    pub addresses: Vec<(IpAddr, FrameRef)>,
}

/// The host whose network card is at one end of all that opens connections on an interface, or that the capture
/// says is the interface's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TappedHost {
    /// Number of the interface.
    pub tap: u32,
    /// The card.
    pub card: [u8; 6],
    /// Whether the capture describes its interface by it.
    pub described: bool,
    /// Its addresses in order, each with the first frame that opened a connection from it or accepted one.
    pub addresses: Vec<(IpAddr, FrameRef)>,
}

/// Everything the captures said, settled: sorted, bounded, independent of how it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Conversations in order of their first packet.
    pub flows: Vec<Conversation>,
    /// Look-ups, in order of their question.
    pub resolutions: Vec<Resolution>,
    /// Bindings, in order of their answer.
    pub bindings: Vec<Binding>,
    /// Times of which not every DNS message or binding was kept, in order.
    pub name_gaps: Vec<NameGap>,
    /// Announced ports, in order.
    pub announcements: Vec<Announcement>,
    /// What a directory said of its hosts, in order.
    pub directory: Vec<DirectorySign>,
    /// Addresses that share a network card, in order.
    pub cards: Vec<CardSign>,
    /// The host at each interface, where network cards tell it.
    pub tapped: Vec<TappedHost>,
    /// Addresses from which the capturing host itself sent, each with the first frame that the capture
    /// marks as outbound, in order.
    pub own: Vec<(IpAddr, FrameRef)>,
    /// The inputs, in order of their first packet.
    pub inputs: Vec<Input>,
    /// The interfaces of the inputs.
    pub taps: Vec<TapInfo>,
    /// When clocks were set, by what a watch noticed or else by time that runs backwards, in order.
    pub clock_steps: Vec<ClockStep>,
    /// Where each frame went.
    pub counters: Counters,
    /// Time of the earliest packet.
    pub first: Option<Timestamp>,
    /// Time of the latest packet.
    pub last: Option<Timestamp>,
}
