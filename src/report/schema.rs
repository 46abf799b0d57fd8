//! The JSON Schemas of the audit document, of events and of journals (draft 2020-12), embedded so that
//! any copy of the program holds the form that it writes.

use std::io;

use serde_json::{Map, Value};

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

/// A schema with the others that it refers to in it (JSON Schema core, section 9.3), for readers that fetch nothing.
///
/// # Errors
/// One of them is no JSON.
pub fn together(schema: &str, others: &[&str]) -> io::Result<String> {
    let mut whole: Map<String, Value> = serde_json::from_str(schema)?;
    let parts = whole.entry("$defs").or_insert_with(|| Map::new().into());
    for other in others {
        let other: Value = serde_json::from_str(other)?;
        if let (Some(parts), Some(id)) = (parts.as_object_mut(), other.get("$id").and_then(Value::as_str)) {
            parts.insert(id.to_owned(), other.clone());
        }
    }
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
