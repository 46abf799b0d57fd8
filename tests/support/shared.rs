//! Where the shared captures and the lab stand, and the tables of differences that we know of and
//! can explain. Never decides what a difference is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The shared folder beside the repository, or `None` where it is absent and need not be there.
/// With the environment variable `CI` set its absence is a failure.
pub fn folder(inside: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(inside);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is absent, and CI is set", path.display());
    None
}

/// The rows of a CSV file, each as a map from column to cell.
pub fn csv_rows(path: &Path) -> Result<Vec<BTreeMap<String, String>>, String> {
    let fault = |error: csv::Error| format!("{}: {error}", path.display());
    let mut reader = csv::Reader::from_path(path).map_err(fault)?;
    reader.deserialize().collect::<Result<_, _>>().map_err(fault)
}

/// A difference: which file, and what differs there.
pub type Difference = (String, String);

/// Holds the differences found against a table of known ones with the columns `key`, `what` and
/// `reason`. Gives the complaints: differences that the table does not name, lines without a
/// reason, and lines that no longer differ.
pub fn unexplained(
    found: &[Difference],
    table: &[BTreeMap<String, String>],
    key: &str,
    fits: fn(&str, &str) -> bool,
) -> Vec<String> {
    let cell = |row: &BTreeMap<String, String>, column: &str| row.get(column).cloned().unwrap_or_default();
    let known: Vec<Difference> = table.iter().map(|row| (cell(row, key), cell(row, "what"))).collect();
    let covers = |known: &Difference, found: &Difference| known.0 == found.0 && fits(&known.1, &found.1);
    let mut complaints = Vec::new();
    for difference in found.iter().filter(|difference| !known.iter().any(|known| covers(known, difference))) {
        complaints.push(format!("differs: {},{}", difference.0, difference.1));
    }
    for (row, line) in table.iter().zip(&known) {
        if !found.iter().any(|difference| covers(line, difference)) {
            complaints.push(format!("no longer differs, take it out: {},{}", line.0, line.1));
        }
        if cell(row, "reason").trim().is_empty() {
            complaints.push(format!("has no reason: {},{}", line.0, line.1));
        }
    }
    complaints
}

/// The table `tests/differences/NAME`.
pub fn known_differences(name: &str) -> Result<Vec<BTreeMap<String, String>>, String> {
    csv_rows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differences").join(name))
}

/// Runs `work` over all items on every core; the results come back in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let one_worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(one_worker)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    results.sort_by_key(|(index, _)| *index);
    assert_eq!(results.len(), items.len(), "a worker panicked");
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::unexplained;

    type Case = (&'static [(&'static str, &'static str)], &'static [[&'static str; 3]], &'static [&'static str]);

    #[test]
    fn a_table_must_name_what_differs_and_no_more() {
        const CASES: &[Case] = &[
            (&[], &[], &[]),
            (&[("a", "x")], &[["a", "x", "why"]], &[]),
            (&[("a", "x")], &[], &["differs: a,x"]),
            (&[("a", "x")], &[["b", "x", "why"]], &["differs: a,x", "no longer differs, take it out: b,x"]),
            (&[("a", "xy")], &[["a", "x", "why"]], &["differs: a,xy", "no longer differs, take it out: a,x"]),
            (&[], &[["a", "x", "why"]], &["no longer differs, take it out: a,x"]),
            (&[("a", "x")], &[["a", "x", " "]], &["has no reason: a,x"]),
        ];
        for (found, table, expected) in CASES {
            let found: Vec<_> = found.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned())).collect();
            let line = |[id, what, reason]: &[&str; 3]| {
                let cells = [("id", id), ("what", what), ("reason", reason)];
                cells.into_iter().map(|(column, cell)| (column.to_owned(), (*cell).to_owned())).collect()
            };
            let table: Vec<_> = table.iter().map(line).collect();
            assert_eq!(unexplained(&found, &table, "id", str::eq), *expected, "{found:?} {table:?}");
        }
    }
}
