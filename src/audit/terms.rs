//! The words of the judge: verdicts, kinds and row statuses, each with its word in reports. No
//! decision is made here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::matrix::{AtomId, Basis, RowId};

/// What we think of a flow (design section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A row of an audited pack fits, and nothing seen contradicts it.
    Expected,
    /// A row of a baseline pack fits.
    Baseline,
    /// A waiver of the site fits.
    Waived,
    /// Address and port fit a row but the bytes or the name contradict it.
    Mismatched,
    /// Nothing fits.
    Unexpected,
    /// What was captured cannot decide it.
    Unresolved,
    /// Not ours to judge.
    OutOfScope,
}

impl Verdict {
    /// Every verdict, in report order.
    pub const ALL: &'static [Self] = &[
        Self::Expected,
        Self::Baseline,
        Self::Waived,
        Self::Mismatched,
        Self::Unexpected,
        Self::Unresolved,
        Self::OutOfScope,
    ];

    /// The word of reports and flow logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Baseline => "baseline",
            Self::Waived => "waived",
            Self::Mismatched => "mismatched",
            Self::Unexpected => "unexpected",
            Self::Unresolved => "unresolved",
            Self::OutOfScope => "out-of-scope",
        }
    }
}

/// How an unexpected flow differs from the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Listed service, wrong host.
    UnlistedPeer,
    /// Listed pair, other port or transport.
    UnlistedService,
    /// Listed pair and port, other side started.
    Reversed,
    /// Nothing like it.
    Unlisted,
    /// Mismatched: another protocol on the port.
    WrongProtocol,
    /// Mismatched: another name in the hello.
    WrongName,
    /// Mismatched: an RPC port that nobody announced.
    NotAnnounced,
}

impl Kind {
    /// The word of reports and flow logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnlistedPeer => "unlisted peer",
            Self::UnlistedService => "unlisted service",
            Self::Reversed => "reversed",
            Self::Unlisted => "unlisted",
            Self::WrongProtocol => "wrong protocol",
            Self::WrongName => "wrong name",
            Self::NotAnnounced => "not announced",
        }
    }
}

/// Atoms that fit. Flows that are alike share them, and most that fit nowhere have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fitting(Option<Arc<[AtomId]>>);

impl Fitting {
    /// No atom.
    pub const NONE: Self = Self(None);
}

impl From<Vec<AtomId>> for Fitting {
    fn from(atoms: Vec<AtomId>) -> Self {
        Self((!atoms.is_empty()).then(|| atoms.into()))
    }
}

impl Deref for Fitting {
    type Target = [AtomId];

    fn deref(&self) -> &[AtomId] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// The verdict on one conversation; parallel to `Observation::flows`. Why it is so is told for single
/// flows, by [`explain`](super::explain).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowVerdict {
    /// What we think of it.
    pub verdict: Verdict,
    /// How it differs, for unexpected and mismatched flows.
    pub kind: Option<Kind>,
    /// On what the match rests.
    pub basis: Option<Basis>,
    /// Every atom that fits, sorted.
    pub atoms: Fitting,
    /// The nearest row, where none fits.
    pub nearest: Option<RowId>,
}

impl FlowVerdict {
    /// A number for what is thought of the flow, the same for flows that may be counted as one.
    #[must_use]
    pub fn stance(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.verdict, self.kind, self.basis, &self.atoms, self.nearest).hash(&mut hasher);
        hasher.finish()
    }
}

/// How a row came out (design section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowStatus {
    /// Open, and the bytes are what the row says.
    Confirmed,
    /// Open, but the payload was not captured or not recognised.
    Unverified,
    /// Some peers or atoms are open, others only ever blocked.
    Partial,
    /// Only ever refused, filtered, rejected, cut or dropped.
    Blocked,
    /// Open, but it speaks something else.
    WrongProtocol,
    /// Its name was asked for and not answered, or answered and never contacted.
    NameFailed,
    /// Required, observable, its window is over, never tried.
    Missing,
    /// The same, but the capture is shorter than its window.
    NotYet,
    /// Optional and never tried.
    Idle,
    /// This vantage cannot see it.
    NotObservable,
    /// Its feature is off.
    NotApplicable,
    /// A role it names has nobody here.
    Unbound,
}

impl RowStatus {
    /// Every status, in the order of the design.
    pub const ALL: &'static [Self] = &[
        Self::Confirmed,
        Self::Unverified,
        Self::Partial,
        Self::Blocked,
        Self::WrongProtocol,
        Self::NameFailed,
        Self::Missing,
        Self::NotYet,
        Self::Idle,
        Self::NotObservable,
        Self::NotApplicable,
        Self::Unbound,
    ];

    /// The word of reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unverified => "unverified",
            Self::Partial => "partial",
            Self::Blocked => "blocked",
            Self::WrongProtocol => "wrong-protocol",
            Self::NameFailed => "name-failed",
            Self::Missing => "missing",
            Self::NotYet => "not-yet",
            Self::Idle => "idle",
            Self::NotObservable => "not-observable",
            Self::NotApplicable => "not-applicable",
            Self::Unbound => "unbound",
        }
    }

    /// Whether a row of this status is a finding.
    #[must_use]
    pub const fn is_finding(self) -> bool {
        matches!(self, Self::Partial | Self::Blocked | Self::WrongProtocol | Self::NameFailed | Self::Missing)
    }
}
