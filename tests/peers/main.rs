//! Every shared capture in, what the program says of its flows held against what tshark, Zeek and
//! nDPI say: applications, names, interfaces, DNS answers and announced ports. Whatever differs stands
//! in `differences/captures.csv` with its reason; a line there that no longer differs fails as well.
#![forbid(unsafe_code)]

#[path = "../support/differences.rs"]
mod differences;
#[path = "../support/frames.rs"]
mod frames;
mod ours;
#[path = "../support/parallel.rs"]
mod parallel;
mod said;
#[path = "../support/shared.rs"]
mod shared;

use std::collections::BTreeMap;
use std::path::Path;

use differences::Difference;
use ours::Ours;
use said::Said;

type Row = BTreeMap<String, String>;

/// Facts compared at least: fewer mean that the lists were not read.
const LEAST: usize = 2_700;

#[test]
fn flows_are_what_other_programs_say() {
    let Some(folder) = shared::folder("captures") else { return };
    let captures = differences::csv_rows(&folder.join("MANIFEST.csv")).unwrap();
    let lists = differences::csv_rows(&folder.join("EXPECTED.csv")).unwrap();
    let compared = parallel::in_parallel(&captures, |row| of_capture(&folder, row, &lists));
    let facts: usize = compared.iter().map(|(facts, _)| facts).sum();
    assert!(facts > LEAST, "{facts} facts");
    let found: Vec<Difference> = compared.into_iter().flat_map(|(_, found)| found).collect();
    let table = differences::known_differences("peers").unwrap();
    let complaints = differences::unexplained(&found, &table, str::eq);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// How many facts were compared, and what differs.
fn of_capture(folder: &Path, row: &Row, lists: &[Row]) -> (usize, Vec<Difference>) {
    let id = cell(row, "id");
    let Some(ours) = Ours::read(&folder.join(cell(row, "file"))) else { return (0, Vec::new()) };
    let told = match told(folder, id, lists) {
        Ok(told) => told,
        Err(error) => return (0, vec![(id.to_owned(), error)]),
    };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (peer, said) in &told {
        if let Some(line) = ours.differs(said) {
            *kinds.entry(format!("{peer}: {line}")).or_default() += 1;
        }
    }
    let lines = kinds.into_iter().map(|(line, times)| (id.to_owned(), format!("{times} {line}")));
    (told.len(), lines.collect())
}

fn cell<'row>(row: &'row Row, name: &str) -> &'row str {
    row.get(name).map_or("", String::as_str)
}

/// Every fact that another program states of a capture, with the name of the program.
fn told<'row>(folder: &Path, id: &str, lists: &'row [Row]) -> Result<Vec<(&'row str, Said)>, String> {
    let facts = folder.join("facts").join(id).with_extension("json");
    let mut told: Vec<(&str, Said)> = said::tshark(&facts)?.into_iter().map(|said| ("tshark", said)).collect();
    for list in lists.iter().filter(|list| cell(list, "id") == id) {
        let peer = cell(list, "peer");
        let said = said::peer(peer, cell(list, "what"), &folder.join(cell(list, "file")))?;
        told.extend(said.into_iter().map(|said| (peer, said)));
    }
    Ok(told)
}
