//! Digests and what the audit was made from in, the manifest of a bundle out: an in-toto Statement v1
//! whose subjects are the members. The predicate is our own; it says all that a second run needs.
//! Holds no time of day, so that the same audit has the same manifest.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::audit::Tool;

/// The manifest (in-toto attestation framework, Statement v1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub kind: String,
    /// The members of the bundle, sorted by name.
    pub subject: Vec<Subject>,
    /// What the predicate is.
    pub predicate_type: String,
    /// How the members came to be.
    pub predicate: Predicate,
}

/// A member of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its path within the bundle.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

/// How the members came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predicate {
    /// Which tool made them.
    pub tool: Tool,
    /// The command that makes the same audit again: only what changes its result.
    pub command: Vec<String>,
    /// What was read.
    pub inputs: Vec<InputSubject>,
    /// The packs, in the order in which they were loaded.
    pub packs: Vec<PackMember>,
    /// The site file, if there was one.
    pub site: Option<SiteMember>,
    /// The hosts file, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<SiteMember>,
    /// The key under whose pseudonyms the bundle stands; then it holds neither packs, site nor packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<String>,
}

/// An input. It is not a member: captures stay where they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSubject {
    /// As the user named it.
    pub path: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// A pack as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackMember {
    /// The member that holds its text.
    pub member: String,
    /// Whether it was audited, or only explained (baseline).
    pub audited: bool,
}

/// The site file as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteMember {
    /// The member that holds its text.
    pub member: String,
    /// Where it was.
    pub path: String,
}

impl Statement {
    /// The statement about members with these digests.
    #[must_use]
    pub fn new(digests: &BTreeMap<String, String>, predicate: Predicate) -> Self {
        let subject = digests
            .iter()
            .map(|(name, sha256)| Subject { name: name.clone(), digest: Digest { sha256: sha256.clone() } })
            .collect();
        Self { kind: STATEMENT.to_owned(), subject, predicate_type: PREDICATE.to_owned(), predicate }
    }

    /// The statement as it stands in the bundle.
    ///
    /// # Errors
    /// Never in practice: all of it can be written as JSON.
    pub fn text(&self) -> io::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a statement; `None` for what this program would not have written.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let statement: Self = serde_json::from_slice(bytes).ok()?;
        let known = statement.kind == STATEMENT && statement.predicate_type == PREDICATE;
        (known && statement.text().ok()?.as_bytes() == bytes).then_some(statement)
    }
}

/// The lines of `SHA256SUMS`.
pub(super) fn sums(digests: &BTreeMap<String, String>) -> String {
    digests.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect()
}

/// Reads `SHA256SUMS`; `None` for what this program would not have written.
pub(super) fn parse_sums(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let lines = std::str::from_utf8(bytes).ok()?.lines();
    let entry = |line: &str| line.split_once("  ").map(|(digest, name)| (name.to_owned(), digest.to_owned()));
    let digests: BTreeMap<String, String> = lines.map(entry).collect::<Option<_>>()?;
    (sums(&digests).as_bytes() == bytes).then_some(digests)
}

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "urn:flowaudit:evidence:1";
