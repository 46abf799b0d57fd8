//! What an audit document holds of names and of ports that were assigned as needed, and of what of them was hidden.
//! Decides nothing.

use serde::{Deserialize, Serialize};

use super::model::EvidenceRef;

/// A name by which a client knew a peer, and on what that rests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameEntry {
    /// Who knew the peer by it.
    pub client: String,
    /// The name, canonical.
    pub name: String,
    /// The address that bore it; none when contradicting answers left none.
    pub address: Option<String>,
    /// `agreed`, `dns`, `declared` or `sni` as in the flow log; `none` when it proves nothing.
    pub strength: String,
    /// Who said so: the DNS server that answered, the flow's own hello, or both.
    pub how: String,
    /// The DNS server that answered.
    pub resolver: Option<String>,
    /// Time of the first answer: from then on it held.
    pub from: Option<String>,
    /// Until when the last answer held.
    pub until: Option<String>,
    /// Flows of this client to this address that went by it.
    pub flows: u64,
    /// Time of the first of them.
    pub first: Option<String>,
    /// Time of their last packet.
    pub last: Option<String>,
    /// What speaks against it, one sentence each; the first few.
    pub contradictions: Vec<String>,
    /// Question, answer, and the first flow that went by it.
    pub evidence: Vec<EvidenceRef>,
}

/// A hosts file, as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntry {
    /// Its path.
    pub path: String,
    /// SHA-256 of its text.
    pub sha256: String,
}

/// A DCE/RPC interface on a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InterfaceEntry {
    /// Its UUID in text form; `dcom` for the objects of a machine; the instance of a SQL Server.
    pub id: String,
    /// The name under which engineers know it.
    pub name: Option<String>,
    /// Whether the port was announced for it.
    pub announced: bool,
    /// Whether a flow bound it, and the server accepted.
    pub bound: bool,
}

/// A port that was assigned as needed, and to what it is attributed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortEntry {
    /// Who used it, or was given it.
    pub client: String,
    /// Whose port it is.
    pub server: String,
    /// The TCP port.
    pub port: u16,
    /// What is behind it.
    pub interfaces: Vec<InterfaceEntry>,
    /// `bind`, `announced` or `range` as in the flow log; `none` when it proves nothing.
    pub grade: String,
    /// Who announced it; none when only the flows speak for it.
    pub by: Option<String>,
    /// When it was announced first.
    pub at: Option<String>,
    /// Flows of this client to it.
    pub flows: u64,
    /// Time of the first of them.
    pub first: Option<String>,
    /// Time of their last packet.
    pub last: Option<String>,
    /// What speaks against it, one sentence each; the first few.
    pub contradictions: Vec<String>,
    /// The answer that announced it, and the first flow to it.
    pub evidence: Vec<EvidenceRef>,
}

/// That an audit stands under pseudonyms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// How they were made: `flowaudit/redaction/1`.
    pub scheme: String,
    /// Which key made them: a name that does not give it away.
    pub key: String,
    /// What the names stand for, sealed with that key (AES-256-GCM, Base64).
    pub sealed: String,
}
