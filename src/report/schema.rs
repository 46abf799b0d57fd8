//! The JSON Schemas of the audit document, of events and of journals (draft 2020-12), embedded so that
//! any copy of the program holds the form that it writes.

/// The schema of `--json`, version 1.
pub const AUDIT: &str = include_str!("schema/audit-1.schema.json");

/// What [`crate::audit::Audit::schema`] holds for this version.
pub const AUDIT_VERSION: &str = "flowaudit/audit/1";

/// The schema of `diff --json`, version 1.
pub const DIFF: &str = include_str!("schema/diff-1.schema.json");

/// The schema of one line of `--events`, version 1.
pub const EVENT: &str = include_str!("schema/event-1.schema.json");

/// The schema of one line of `--journal`, version 1.
pub const JOURNAL: &str = include_str!("schema/journal-1.schema.json");
