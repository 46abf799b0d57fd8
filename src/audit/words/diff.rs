//! What changed between two audits.

pub(in crate::audit) fn other(what: &str, before: &str, after: &str) -> String {
    format!("The {what} differs: {before} before, {after} after.")
}

pub(in crate::audit) fn other_players() -> String {
    "The roles or the features of the site differ.".to_owned()
}

pub(in crate::audit) fn later_first() -> String {
    "The first audit is of the later capture.".to_owned()
}

pub(in crate::audit) fn row_is(status: &str) -> String {
    format!("Its row is now {status}, which does not show that it works.")
}

pub(in crate::audit) fn row_gone() -> String {
    "Its row is no longer audited.".to_owned()
}

pub(in crate::audit) fn not_complete() -> String {
    "Not seen again, but the later evidence is incomplete.".to_owned()
}

pub(in crate::audit) fn was(before: &str, after: &str) -> String {
    format!("Was: {before} Now: {after}")
}
