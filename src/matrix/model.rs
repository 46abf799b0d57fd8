//! The words of a documented matrix after packs and site were resolved against each other.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::dissect::Application;
use crate::wire::{Timestamp, Transport};

/// Index of a row in the compiled matrix: audited packs first, each in document order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

/// One atom of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtomId {
    /// Its row.
    pub row: RowId,
    /// Its place in the row, from 0.
    pub atom: u16,
}

/// Index of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub u32);

/// A pack as it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackInfo {
    /// Its id (`ams`).
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The document that it transcribes.
    pub reference: String,
    /// SHA-256 of its text, lower-case hex.
    pub sha256: String,
    /// Whether it is audited (false: a baseline pack).
    pub audited: bool,
}

/// Who plays a role here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id (`domain-controllers`).
    pub id: String,
    /// Its title in the document.
    pub title: String,
    /// Addresses as sorted, disjoint, inclusive ranges; IPv4 before IPv6.
    pub addresses: Vec<RangeInclusive<IpAddr>>,
    /// Names, canonical; `*.` stands for exactly one label, `**.` for one or more.
    pub names: Vec<String>,
    /// Whose players play it, where neither the site nor a document lists any.
    pub follows: Follows,
}

/// Whose players play a role for which nobody is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follows {
    /// Nobody's: it has players of its own, or none.
    #[default]
    Nobody,
    /// Those of this role.
    Role(RoleId),
    /// Those of all roles of audited packs.
    Everybody,
}

impl Role {
    /// Whether anybody plays it.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        !self.addresses.is_empty() || !self.names.is_empty()
    }
}

/// Who may start the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Only a `from` role.
    #[default]
    Forward,
    /// Either end.
    Either,
}

/// Whether silence matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// Never tried is `missing`.
    #[default]
    Required,
    /// Never tried is `idle`.
    Optional,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Should be dealt with.
    Medium,
    /// Must be dealt with.
    High,
}

/// Destination ports of an atom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The protocol has none (ICMP, GRE, …), or every port is allowed.
    Any,
    /// Sorted, disjoint, inclusive ranges.
    Ranges(Vec<RangeInclusive<u16>>),
}

impl Ports {
    /// Whether `port` is among them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Ranges(_) => self.lists(port),
        }
    }

    /// Whether `port` is named by them: who takes any port names none.
    #[must_use]
    pub fn lists(&self, port: u16) -> bool {
        matches!(self, Self::Ranges(ranges) if ranges.iter().any(|range| range.contains(&port)))
    }
}

/// One (transport, ports, application) of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atom {
    /// As the pack writes it, variables filled in (`tcp/389`, `udp/389`, `tcp/49152-65535`).
    pub service: String,
    /// IP protocol.
    pub transport: Transport,
    /// Destination ports.
    pub ports: Ports,
    /// The documented application; `None` for `any`.
    pub application: Option<Application>,
    /// Not needed for the row to be confirmed.
    pub optional: bool,
    /// The port counts only when an endpoint mapper announced it or a bind proves it.
    pub announced: bool,
    /// Atoms of a row with the same group stand for each other: any one suffices.
    pub group: Option<String>,
}

/// What about a row is settled before any packet is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its features are on, somebody plays its roles, and this vantage sees it.
    Live,
    /// A feature that it needs is off.
    NotApplicable,
    /// Nobody plays this role here.
    Unbound(RoleId),
    /// This vantage cannot see it.
    NotObservable,
}

/// One documented row, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id in the document (`AMS-05`).
    pub id: String,
    /// Index of its pack in [`super::Matrix::packs`].
    pub pack: usize,
    /// Who starts it: any of these roles. Empty means anybody.
    pub from: Vec<RoleId>,
    /// Who answers: any of these roles. Empty means anybody.
    pub to: Vec<RoleId>,
    /// Who may start it.
    pub direction: Direction,
    /// Its atoms, in the order of the pack.
    pub atoms: Vec<Atom>,
    /// Why it exists, in the document's words.
    pub purpose: String,
    /// Whether silence matters.
    pub need: Need,
    /// How long a capture must be before silence means missing, in nanoseconds.
    pub window: i64,
    /// Severity of a finding about this row.
    pub severity: Severity,
    /// What is settled about it beforehand.
    pub standing: Standing,
}

/// A waiver of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// As written in the site, for the report (`10.77.10.5 -> 10.77.50.9 tcp/9997`).
    pub text: String,
    /// Originators.
    pub from: Vec<RangeInclusive<IpAddr>>,
    /// Responders; empty with `to_names` empty means anybody.
    pub to: Vec<RangeInclusive<IpAddr>>,
    /// Responders by name.
    pub to_names: Vec<String>,
    /// IP protocol.
    pub transport: Transport,
    /// Destination ports.
    pub ports: Ports,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// First instant at which it no longer holds (the day after `expires`, 00:00 UTC).
    pub until: Option<Timestamp>,
}

/// On what a match rests, strongest first within its kind (design section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Name: DNS answer and SNI say the same.
    Agreed,
    /// Name: this client was given this address for this name and for no other.
    Dns,
    /// Name: the user's hosts file gives it to this address, or, where he trusts them, the capture's own names do.
    Declared,
    /// Name: the peer's own claim.
    Sni,
    /// RPC port: the flow itself names its interface.
    Bind,
    /// RPC port: the endpoint mapper gave it to this client.
    Announced,
    /// RPC port: it only lies in the range.
    Range,
    /// Address: the application was recognised.
    Payload,
    /// Address: nothing but the address and port.
    Address,
}

impl Basis {
    /// The word of reports and flow logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Dns => "dns",
            Self::Declared => "declared",
            Self::Sni => "sni",
            Self::Bind => "bind",
            Self::Announced => "announced",
            Self::Range => "range",
            Self::Payload => "payload",
            Self::Address => "address",
        }
    }
}

/// The weakest basis that the site accepts, by kind of match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumBasis {
    /// Of [`Basis::Agreed`], [`Basis::Dns`], [`Basis::Declared`], [`Basis::Sni`].
    pub name: Basis,
    /// Of [`Basis::Bind`], [`Basis::Announced`], [`Basis::Range`].
    pub rpc: Basis,
    /// Of [`Basis::Payload`], [`Basis::Address`].
    pub address: Basis,
}

impl Default for MinimumBasis {
    fn default() -> Self {
        Self { name: Basis::Dns, rpc: Basis::Announced, address: Basis::Address }
    }
}

/// How a peer came to play a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binding {
    /// Its address is listed, or the row takes anybody.
    Address,
    /// It bears a listed name: index into [`Peer::names`].
    Name(usize),
}

/// One end of a flow, as the matrix sees it.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'audit> {
    /// Its address.
    pub address: IpAddr,
    /// Names that it bears for this flow, canonical.
    pub names: &'audit [&'audit str],
}

/// What the look-up needs to know of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'audit> {
    /// Who started it.
    pub originator: Peer<'audit>,
    /// Who was called.
    pub responder: Peer<'audit>,
    /// IP protocol.
    pub transport: Transport,
    /// Destination port, 0 where there is none.
    pub port: u16,
}
