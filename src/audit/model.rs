//! The audit document. Its serialised form is the JSON of `--json` (schema in `src/report/`), and
//! every other report is written from it alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::continuity::{ClockStepEntry, LossWindow, OutageEntry};
pub use super::known::{HostsEntry, InterfaceEntry, NameEntry, PortEntry, Redaction};
pub use super::terms::{Fitting, FlowVerdict, Kind, RowStatus, Verdict};

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing to report, and the evidence is complete.
    Clean,
    /// There are findings.
    Findings,
    /// No findings, but the evidence is incomplete.
    Incomplete,
}

/// Which tool made the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `flowaudit`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One input. Times are RFC 3339 in UTC with nine decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputEntry {
    /// As the user named it.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its packets.
    pub packets: u64,
    /// Time of its first packet.
    pub first: Option<String>,
    /// Time of its last packet.
    pub last: Option<String>,
    /// What was wrong with it, when it could not be read to its end.
    pub fault: Option<String>,
}

/// One pack, as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackEntry {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The document that it transcribes.
    pub reference: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// Whether its rows are audited, or only explain (baseline).
    pub audited: bool,
}

/// The site, as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteEntry {
    /// Its name.
    pub name: String,
    /// Path of the site file, if there was one.
    pub path: Option<String>,
    /// SHA-256 of the site file.
    pub sha256: Option<String>,
    /// Since when it is in force, where a watch has read it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The hosts file whose names count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<HostsEntry>,
    /// Whether the names that captures themselves hold count like a hosts file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusts_names: bool,
    /// Where the capture was taken.
    pub vantage: String,
    /// The role under audit.
    pub subject: String,
    /// Who plays each role: addresses and names as text.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Which features are on.
    pub features: BTreeMap<String, bool>,
}

/// A packet that a statement rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// Path of the input.
    pub file: String,
    /// Frame number in it, from 1.
    pub frame: u32,
}

/// How one peer of an atom came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerResult {
    /// The pair's far end (the one that is not the subject), as address, with name where one is known.
    pub peer: String,
    /// Flows.
    pub flows: u64,
    /// Flows that were open.
    pub established: u64,
    /// Flows that were blocked.
    pub blocked: u64,
    /// Flows by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// What blocked it, in words, with the deciding frame.
    pub reason: Option<String>,
    /// Packets that this rests on.
    pub evidence: Vec<EvidenceRef>,
}

/// How one atom of a row came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtomResult {
    /// `ldap tcp/389`.
    pub service: String,
    /// How it came out.
    pub status: RowStatus,
    /// Whether the row can be confirmed without it.
    pub optional: bool,
    /// Flows that fit it.
    pub flows: u64,
    /// Of these, open ones.
    pub established: u64,
    /// Of these, blocked ones.
    pub blocked: u64,
    /// The peers, sorted; at most 64, `more_peers` counts the rest.
    pub peers: Vec<PeerResult>,
    /// Peers beyond the list.
    pub more_peers: u64,
    /// Time of the first flow.
    pub first: Option<String>,
    /// Time of the last packet.
    pub last: Option<String>,
}

/// How one row came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowResult {
    /// `AMS-05`.
    pub id: String,
    /// Its pack.
    pub pack: String,
    /// Title of the `from` roles.
    pub from: String,
    /// Title of the `to` roles.
    pub to: String,
    /// Why the row exists, in the document's words.
    pub purpose: String,
    /// `required` or `optional`.
    pub need: String,
    /// How it came out.
    pub status: RowStatus,
    /// Why, in one sentence.
    pub reason: String,
    /// Its atoms.
    pub atoms: Vec<AtomResult>,
}

/// A statement that somebody has to act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable: the same finding in tomorrow's audit has the same id.
    pub id: String,
    /// `blocked`, `missing`, `unexpected`, `mismatched`, `expired-waiver`, … or an unexpected kind.
    pub kind: String,
    /// `high`, `medium` or `low`.
    pub severity: String,
    /// Rows concerned: its own, or the nearest.
    pub rows: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// Longer reason: the cell that differs, the ICMP code, both sides of a contradiction.
    pub detail: String,
    /// Flows that it stands for.
    pub flows: u64,
    /// Packets of these flows.
    pub packets: u64,
    /// Time of the first.
    pub first: Option<String>,
    /// Time of the last packet.
    pub last: Option<String>,
    /// Packets that it rests on: the first few, in order.
    pub evidence: Vec<EvidenceRef>,
}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// The finding that it would settle.
    pub finding: String,
    /// For a blocked row: the firewall request that would open it; else what to try.
    pub text: String,
    /// The firewall request, as data.
    #[serde(default)]
    pub request: Option<FirewallRequest>,
    /// For an unexpected flow: the smallest rule that would document it.
    #[serde(default)]
    pub rule: Option<SmallestRule>,
}

/// What a firewall team needs to know to open a documented flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallRequest {
    /// Source address.
    pub from: String,
    /// Destination address.
    pub to: String,
    /// `tcp/389`; where ports are assigned as needed, the documented range.
    pub service: String,
    /// The row that documents it.
    pub row: String,
    /// Why the row exists.
    pub why: String,
    /// The document.
    pub reference: String,
    /// How it was blocked, with the deciding frame.
    pub seen: String,
    /// Who could have blocked it.
    pub places: String,
}

/// The smallest rule that would document an unexpected flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallestRule {
    /// What the site would say, in TOML; empty when it stays as it is.
    pub site: String,
    /// What a pack would say, in TOML; empty when the site alone suffices.
    pub pack: String,
    /// What else it would allow, in one sentence.
    pub allows: String,
}

/// A waiver and what it covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverResult {
    /// As the site writes it.
    pub text: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when (date).
    pub expires: Option<String>,
    /// Flows that it covered.
    pub flows: u64,
}

/// Sums over all flows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Flows.
    pub flows: u64,
    /// Packets that were read and passed the filters.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Flows by verdict; every verdict is named.
    pub by_verdict: BTreeMap<String, u64>,
    /// Flows by outcome; every outcome is named.
    pub by_outcome: BTreeMap<String, u64>,
}

/// How far the evidence goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Whether the evidence is complete: nothing below stands against it.
    pub complete: bool,
    /// Each reason why it is not, one sentence each.
    pub gaps: Vec<String>,
    /// Where the capture was taken.
    pub vantage: String,
    /// Time of the first packet.
    pub first: Option<String>,
    /// Time of the last packet.
    pub last: Option<String>,
    /// Seconds between them, rounded down to nanoseconds, as decimal text.
    pub span_seconds: String,
    /// Frames read that passed the filters.
    pub frames: u64,
    /// Frames whose datagram reached a flow that is in scope.
    pub in_scope: u64,
    /// Frames whose datagram reached a flow that is out of scope.
    pub out_of_scope: u64,
    /// Copies of packets already counted.
    pub duplicates: u64,
    /// Fragments that never became whole.
    pub fragments_pending: u64,
    /// Frames without a datagram, by reason in words.
    pub undecoded: BTreeMap<String, u64>,
    /// Frames cut by the snap length.
    pub truncated: u64,
    /// Packets that the capturing system reported as lost.
    pub drops: u64,
    /// Packets that the capturing host dropped itself.
    pub dropped_by_host: u64,
    /// Flows of which only one direction was captured.
    pub one_sided: u64,
    /// Flows that were open before the capture began.
    pub midstream: u64,
    /// Flows folded because a budget was reached.
    pub folded: u64,
    /// Acknowledged payload bytes that are not in the capture.
    pub missed_bytes: u64,
    /// Frames older than one before them in the same input.
    pub time_inversions: u64,
    /// Names and addresses that had to make room for others of the same client: flows by them are
    /// unresolved.
    #[serde(default)]
    pub names_pushed_out: u64,
    /// DNS messages that were not kept because the budget for names was used up.
    #[serde(default)]
    pub names_unread: u64,
    /// Messages of SQL Server browsers that were not kept because the budget for them was used up: then none counts.
    #[serde(default)]
    pub browsers_unread: u64,
    /// Flows whose first bytes were not kept because the budget for those of all flows was used up.
    #[serde(default)]
    pub payloads_not_held: u64,
    /// Of the drops, packets for which the kernel had no room.
    #[serde(default)]
    pub kernel_drops: u64,
    /// Of the drops, packets that the interfaces themselves could not take.
    #[serde(default)]
    pub interface_drops: u64,
    /// When something was lost, by the minute; what nobody can date is not among it.
    #[serde(default)]
    pub losses: Vec<LossWindow>,
    /// When an interface was down.
    #[serde(default)]
    pub outages: Vec<OutageEntry>,
    /// When a clock was set.
    #[serde(default)]
    pub clock_steps: Vec<ClockStepEntry>,
}

/// The whole audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Version of this form: `flowaudit/audit/1`.
    pub schema: String,
    /// Which tool made it.
    pub tool: Tool,
    /// What was read.
    pub inputs: Vec<InputEntry>,
    /// The site.
    pub site: SiteEntry,
    /// The packs.
    pub packs: Vec<PackEntry>,
    /// The answer.
    pub answer: Answer,
    /// The answer as one line for a person.
    pub headline: String,
    /// Rows of the audited packs, in document order.
    pub rows: Vec<RowResult>,
    /// Findings, gravest first.
    pub findings: Vec<Finding>,
    /// What to do next.
    pub next: Vec<NextStep>,
    /// Waivers of the site.
    pub waivers: Vec<WaiverResult>,
    /// Sums.
    pub totals: Totals,
    /// How far the evidence goes.
    pub quality: Quality,
    /// Names by which peers were known, by client, name and address: what speaks against one and
    /// what was used come first when not all have room.
    #[serde(default)]
    pub names: Vec<NameEntry>,
    /// Names beyond the list.
    #[serde(default)]
    pub more_names: u64,
    /// Ports of DCE/RPC and of SQL Server instances, by client, server and port.
    #[serde(default)]
    pub ports: Vec<PortEntry>,
    /// Ports beyond the list.
    #[serde(default)]
    pub more_ports: u64,
    /// Set when addresses and names in it are pseudonyms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Redaction>,
}
