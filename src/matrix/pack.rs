//! A documented matrix as its author wrote it: roles, features and rows, not yet held against any
//! site. Parsing is in `pack_parse`, tables of other forms in `table`; here are the words.

use std::ops::Range;

use super::addresses::Player;
use super::diagnostics::{Faults, Source};
use super::model::{Direction, Need, Severity};
use super::pack_parse;
use super::services::Service;

/// One documented matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its id (`ams`).
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The document that it transcribes.
    pub reference: String,
    /// The role under audit; empty in a baseline pack that speaks of nobody in particular.
    pub subject: String,
    /// Its roles, in document order.
    pub roles: Vec<PackRole>,
    /// Its features, in document order.
    pub features: Vec<PackFeature>,
    /// Its rows, in document order.
    pub rows: Vec<PackRow>,
    /// The text that it was read from.
    pub source: Source,
    /// SHA-256 of that text, lower-case hex.
    pub sha256: String,
}

/// A role that the rows of a pack speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRole {
    /// Its id (`domain-controllers`).
    pub id: String,
    /// Its title in the document.
    pub title: String,
    /// Who plays it by the document itself, unless the site says otherwise.
    pub players: Vec<Player>,
    /// Who plays it when neither the site nor the document says.
    pub default: DefaultPlayers,
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
}

/// Who plays a role that nobody was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultPlayers {
    /// Nobody.
    #[default]
    Nobody,
    /// Whoever plays this role.
    Role(String),
    /// Every address that plays a role of an audited pack (`default = "*"`).
    AllPlayers,
    /// The limited broadcast, and the broadcast addresses of the networks of those players
    /// (`default = "broadcast"`): of listed prefixes, and of the /24 around a single address.
    Broadcasts,
}

/// Something that a product can be configured to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackFeature {
    /// Its id (`entra`).
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether it is on unless the site says otherwise.
    pub default: bool,
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
}

/// One line of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackRow {
    /// Its id (`AMS-05`).
    pub id: String,
    /// Roles that start it; empty means anybody.
    pub from: Vec<String>,
    /// Roles that answer; empty means anybody.
    pub to: Vec<String>,
    /// Who may start it.
    pub direction: Direction,
    /// Its services.
    pub services: Vec<Service>,
    /// Why it exists.
    pub purpose: String,
    /// Whether silence matters.
    pub need: Need,
    /// Features that must all be on.
    pub when: Vec<String>,
    /// How long a capture must be before silence means missing, in nanoseconds.
    pub window: i64,
    /// Roles at which it can be seen; empty: at any of its ends.
    pub vantage: Vec<String>,
    /// Severity of a finding about it; `None`: by its need.
    pub severity: Option<Severity>,
    /// Where it is documented, when not in the reference of the pack.
    pub reference: String,
    /// When in the product's life it happens (`run`, `install`); empty when not said.
    pub phase: String,
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
}

impl Pack {
    /// Reads a pack in TOML. `path` is what faults will call it.
    ///
    /// # Errors
    /// Every fault of the text, in the order of their places.
    pub fn parse(path: &str, text: &str) -> Result<Self, Faults> {
        pack_parse::parse(path, text)
    }

    /// The role with this id.
    #[must_use]
    pub fn role(&self, id: &str) -> Option<&PackRole> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// How many services its rows have together.
    #[must_use]
    pub fn atoms(&self) -> usize {
        self.rows.iter().map(|row| row.services.len()).sum()
    }

    /// The pack as TOML that [`Pack::parse`] reads back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        super::show::toml(self)
    }
}

/// How long a capture must be before silence means missing, unless the row says otherwise.
pub(super) const DEFAULT_WINDOW: i64 = 15 * 60 * 1_000_000_000;
