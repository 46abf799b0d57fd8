//! The answer that each kind of evidence gives about one atom: shared by names, RPC and payload.

use super::model::Kind;
use crate::matrix::Basis;

/// What one kind of evidence makes of one atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    /// It supports the atom, this strongly.
    Fits(Basis),
    /// It speaks against the atom.
    Contradicted(Kind),
    /// It cannot tell.
    Undecided,
    /// The atom has nothing to do with this flow after all.
    Absent,
}

/// A grade and the sentence that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Graded {
    /// The grade.
    pub(super) grade: Grade,
    /// Why, for the reader; empty while the pen rests.
    pub(super) reason: String,
}

/// Whether sentences are written. Nearly every flow is judged without anybody reading why, and a
/// sentence costs more than the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pen {
    /// Somebody will read it.
    Writes,
    /// Nobody will: every sentence is empty.
    Rests,
}

impl Pen {
    /// The sentence, if anybody reads it.
    #[inline]
    pub(super) fn write(self, words: impl FnOnce() -> String) -> String {
        match self {
            Self::Writes => words(),
            Self::Rests => String::new(),
        }
    }
}

impl Graded {
    /// Has nothing to do with it.
    pub(super) const fn absent() -> Self {
        Self { grade: Grade::Absent, reason: String::new() }
    }

    /// Support of this strength, if the site accepts it; else undecided.
    pub(super) fn at_least(minimum: Basis, basis: Basis, reason: String) -> Self {
        let grade = if basis <= minimum { Grade::Fits(basis) } else { Grade::Undecided };
        Self { grade, reason }
    }

    /// A contradiction.
    pub(super) const fn against(kind: Kind, reason: String) -> Self {
        Self { grade: Grade::Contradicted(kind), reason }
    }

    /// Cannot tell.
    pub(super) const fn undecided(reason: String) -> Self {
        Self { grade: Grade::Undecided, reason }
    }
}
