//! The one table of differences that we know of and can explain, and what was found held against it.
//! Never decides what a difference is.

use std::collections::BTreeMap;
use std::path::Path;

/// The rows of a CSV file, each as a map from column to cell.
pub fn csv_rows(path: &Path) -> Result<Vec<BTreeMap<String, String>>, String> {
    let fault = |error: csv::Error| format!("{}: {error}", path.display());
    let mut reader = csv::Reader::from_path(path).map_err(fault)?;
    reader.deserialize().collect::<Result<_, _>>().map_err(fault)
}

/// A difference: which file, and what differs there.
pub type Difference = (String, String);

/// Holds the differences found against a table of known ones with the columns `id`, `what` and
/// `reason`. Gives the complaints: differences that the table does not name, lines without a
/// reason, and lines that no longer differ.
pub fn unexplained(
    found: &[Difference],
    table: &[BTreeMap<String, String>],
    fits: fn(&str, &str) -> bool,
) -> Vec<String> {
    let cell = |row: &BTreeMap<String, String>, column: &str| row.get(column).cloned().unwrap_or_default();
    let known: Vec<Difference> = table.iter().map(|row| (cell(row, "id"), cell(row, "what"))).collect();
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

/// The lines of `test` in the table `tests/differences/captures.csv`.
pub fn known_differences(test: &str) -> Result<Vec<BTreeMap<String, String>>, String> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differences/captures.csv");
    let mut rows = csv_rows(&table)?;
    rows.retain(|row| row.get("test").is_some_and(|of| of == test));
    Ok(rows)
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
            assert_eq!(unexplained(&found, &table, str::eq), *expected, "{found:?} {table:?}");
        }
    }
}
