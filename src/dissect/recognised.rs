//! What the first bytes of a flow said: the words that recognisers use to answer.

use super::Application;

/// One side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The side that started the flow, as far as is known.
    Originator,
    /// The other side.
    Responder,
}

impl Side {
    /// The side that it talks to.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }
}

/// Where a claimed name was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimSource {
    /// Server name of a TLS or QUIC client hello (RFC 6066 section 3).
    Sni,
    /// Outer server name of a hello with encrypted client hello: the provider's, not the peer's.
    OuterSni,
    /// One of several server names in a hello, which may have only one: nobody knows which of them counts.
    RivalSni,
    /// HTTP `Host` header.
    Host,
    /// Target of an HTTP `CONNECT`, with its port; 0 where none is given.
    Connect(u16),
    /// Subject alternative name of a TLS 1.2 server certificate.
    Certificate,
    /// `dnsHostName` at the root of an LDAP server (RFC 4512 section 5.1, MS-ADTS section 3.1.1.3.2).
    RootDse,
    /// The same of a server that says it is a global catalog.
    CatalogRootDse,
}

/// A name that one side of a flow stated itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Where it was read.
    pub source: ClaimSource,
    /// Canonical form (reliability rules): lower-case ASCII labels joined by dots, no trailing
    /// dot, every other byte as `\xNN`, dots inside a label escaped.
    pub name: String,
}

/// What the recognisers made of the first payload bytes of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recognised {
    /// The application, if one was proved.
    pub application: Option<Application>,
    /// Names that the flow states.
    pub claims: Vec<Claim>,
    /// First application protocol of the hello's ALPN (RFC 7301), canonical like a name.
    pub alpn: Option<String>,
    /// Which side sent the request, when the protocol shows it.
    pub client: Option<Side>,
    /// DCE/RPC interfaces that were bound on this flow: (UUID in text form, accepted by bind_ack).
    pub interfaces: Vec<(String, bool)>,
    /// Whether the request goes on behind what was read of it, so that a name that it does not show may follow.
    pub partial: bool,
}

/// How much of a flow's payload there was to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Payload {
    /// The flow carried no payload.
    #[default]
    None,
    /// Payload was sent, but the capture does not hold its first bytes.
    NotCaptured,
    /// Captured, and no recogniser knows it.
    NotRecognised,
    /// Captured and recognised.
    Recognised(Recognised),
}
