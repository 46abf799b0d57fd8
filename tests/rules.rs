//! The shipped packs against the documents that they transcribe, and the imported table against
//! the shipped pack.

use std::path::PathBuf;

use flowaudit::matrix::{Form, Imported, Matrix, Pack, Site, import, load_pack, show};

/// A file beside the repository; `None` when it is absent, which only passes outside CI.
fn shared(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    let text = std::fs::read_to_string(&path).ok();
    assert!(text.is_some() || std::env::var_os("CI").is_none(), "{name} is absent");
    text
}

fn imported(path: &str, text: &str, form: Form) -> Imported {
    import(path, text, form).unwrap_or_else(|faults| panic!("{faults}"))
}

/// From, to, transports with ports: what a port document says of a row.
fn bare(pack: &Pack) -> Vec<(Vec<String>, Vec<String>, Vec<String>)> {
    let matrix =
        Matrix::compile(std::slice::from_ref(pack), &[], &Site::default()).unwrap_or_else(|faults| panic!("{faults}"));
    let ids =
        |roles: &[flowaudit::matrix::RoleId]| roles.iter().map(|role| matrix.role(*role).unwrap().id.clone()).collect();
    let atoms = |row: &flowaudit::matrix::Row| row.atoms.iter().map(|atom| atom.service.clone()).collect();
    matrix.rows.iter().map(|row| (ids(&row.from), ids(&row.to), atoms(row))).collect()
}

#[test]
fn ams_has_thirteen_rows_and_sixteen_atoms() {
    let pack = load_pack("ams").unwrap();
    assert_eq!((pack.rows.len(), pack.atoms()), (13, 16));
    assert_eq!((load_pack("ams-v2").unwrap().rows.len()), 14);
    let ids: Vec<&str> = pack.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((ids.first(), ids.last()), (Some(&"AMS-01"), Some(&"AMS-13")));
}

#[test]
fn the_document_imports_as_the_shipped_pack() {
    let Some(text) = shared("ports-and-traffic-flows.md") else { return };
    let imported = imported("ports-and-traffic-flows.md", &text, Form::Markdown);
    let shipped = load_pack("ams").unwrap();
    assert_eq!(bare(&imported.pack), bare(&shipped));
    assert_eq!((imported.pack.id.as_str(), imported.pack.rows.len(), imported.pack.atoms()), ("ams", 13, 16));
    for (one, other) in imported.pack.rows.iter().zip(&shipped.rows) {
        assert_eq!((&one.id, one.need, &one.when), (&other.id, other.need, &other.when));
        let application = |row: &flowaudit::matrix::PackRow| {
            row.services.iter().map(|s| (s.application, s.announced)).collect::<Vec<_>>()
        };
        assert_eq!(application(one), application(other), "{}", one.id);
    }
    let transports: Vec<&str> =
        imported.guesses.iter().map(|guess| guess.text.as_str()).filter(|text| text.contains("transport")).collect();
    assert_eq!(
        transports,
        [
            "`RPC dynamic port range 49152-65535` names no transport: tcp, as the port before it",
            "`RPC over SMB 445` names no transport: tcp, as most services are",
        ]
    );
    let again = Pack::parse("again.toml", &imported.pack.to_toml()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(bare(&again), bare(&shipped));
}

#[test]
fn tables_import_and_come_back() {
    let markdown = include_str!("../fixtures/tables/shop.md");
    let first = imported("shop.md", markdown, Form::Markdown);
    let rows: Vec<(Vec<String>, Vec<String>, Vec<String>)> = bare(&first.pack);
    let expected: &[(&[&str], &[&str], &[&str])] = &[
        (&["till"], &["shop-server"], &["tcp/8443", "udp/8444-8446"]),
        (&["shop-server"], &["payments-example"], &["tcp/443"]),
        (&["shop-server"], &["any"], &["tcp/53", "udp/53"]),
        (&["any"], &["shop-server"], &["icmp"]),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(from, to, atoms)| {
            let list = |words: &[&str]| {
                words.iter().filter(|word| **word != "any").map(|word| (*word).to_owned()).collect::<Vec<_>>()
            };
            (list(from), list(to), list(atoms))
        })
        .collect();
    assert_eq!(rows, expected);
    let second = imported("shop.csv", &show::csv(&first.pack), Form::Csv);
    assert_eq!(bare(&second.pack), bare(&first.pack));
    let third = imported("shop.md", &show::markdown(&first.pack), Form::Markdown);
    assert_eq!(bare(&third.pack), bare(&first.pack));
}

#[test]
fn broken_tables_say_where() {
    let text = "| Source | Destination | Destination ports | Description |\n|-|-|-|-|\n| a | b | TCP 44e | x |\n| | b | TCP 1 | x |\n| a | b |\n";
    let faults = import("t.md", text, Form::Markdown).map(|_| ()).unwrap_err();
    let places: Vec<(usize, usize)> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(5, 3)], "{faults}");
    let text = text.replace("| a | b |\n", "");
    let faults = import("t.md", &text, Form::Markdown).map(|_| ()).unwrap_err();
    let places: Vec<(usize, usize)> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(4, 3)], "{faults}");
    assert!(import("t.md", "no table", Form::Markdown).is_err());
    assert!(import("t.csv", "", Form::Csv).is_err());
}
