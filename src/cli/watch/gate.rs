//! An audit in, whether what `--until confirmed` waits for has come out. Never decides a row.

use crate::audit::{Audit, RowResult, RowStatus};
use crate::report::words;

/// The required rows that this place can see and that are not confirmed yet; `None` when there is
/// no required row to wait for.
pub fn waiting<'audit>(audit: &'audit Audit) -> Option<Vec<&'audit RowResult>> {
    let counts = |row: &&'audit RowResult| {
        row.need == "required" && !matches!(row.status, RowStatus::NotApplicable | RowStatus::NotObservable)
    };
    audit
        .rows
        .iter()
        .any(|row| counts(&row))
        .then(|| audit.rows.iter().filter(counts).filter(|row| row.status != RowStatus::Confirmed).collect())
}

/// Whether everything has come.
pub fn is_open(audit: &Audit) -> bool {
    waiting(audit).is_some_and(|rows| rows.is_empty())
}

/// Why the gate can never open, if it cannot: said before the waiting begins.
pub fn refusal(audit: &Audit) -> Option<String> {
    let Some(rows) = waiting(audit) else {
        return Some(
            "--until confirmed: no required row can be seen from here, so there is nothing to wait for".into(),
        );
    };
    let unbound = names(rows.into_iter().filter(|row| row.status == RowStatus::Unbound));
    (!unbound.is_empty()).then(|| {
        format!("--until confirmed: rows with a role that nobody plays can never be confirmed: {unbound}; name the players, or switch their feature off in the site")
    })
}

/// What is said last when everything has come, and which required rows nobody could wait for here.
pub fn met(audit: &Audit) -> String {
    let hidden = |row: &&RowResult| row.need == "required" && row.status == RowStatus::NotObservable;
    let hidden = names(audit.rows.iter().filter(hidden));
    let beside = if hidden.is_empty() { String::new() } else { format!("; this place cannot see {hidden}") };
    format!("every required row is confirmed{beside}")
}

/// What is said last when the watch ended first.
pub fn unmet(audit: &Audit) -> String {
    let rows = waiting(audit).unwrap_or_default();
    let number = words::count(u64::try_from(rows.len()).unwrap_or(u64::MAX), "required row");
    format!("{number} not confirmed: {}", names(rows.into_iter()))
}

fn names<'audit>(rows: impl Iterator<Item = &'audit RowResult>) -> String {
    rows.map(|row| row.id.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");

    /// An audit whose rows are those given, as need and status.
    fn check(rows: &[(&str, RowStatus)], left: Option<usize>, refused: bool) {
        let mut audit: Audit = serde_json::from_slice(&std::fs::read(GOLDEN).unwrap()).unwrap();
        let model = audit.rows[0].clone();
        let row =
            |(need, status): &(&str, RowStatus)| RowResult { need: (*need).into(), status: *status, ..model.clone() };
        audit.rows = rows.iter().map(row).collect();
        assert_eq!(waiting(&audit).map(|rows| rows.len()), left, "{rows:?}");
        assert_eq!(is_open(&audit), left == Some(0), "{rows:?}");
        assert_eq!(refusal(&audit).is_some(), refused, "{rows:?}");
    }

    #[test]
    fn what_is_waited_for() {
        use RowStatus::{Blocked, Confirmed, Idle, NotApplicable, NotObservable, NotYet, Unbound, Unverified};
        check(&[], None, true);
        check(&[("optional", Idle)], None, true);
        check(&[("required", NotApplicable), ("required", NotObservable)], None, true);
        check(&[("required", Confirmed), ("optional", Blocked), ("required", NotObservable)], Some(0), false);
        check(&[("required", Confirmed), ("required", NotYet), ("required", Unverified)], Some(2), false);
        check(&[("required", Confirmed), ("required", Unbound)], Some(1), true);
        check(&[("required", Confirmed), ("optional", Unbound)], Some(0), false);
    }
}
