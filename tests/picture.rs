//! The picture in README is the report that README's first command prints: this test renders it
//! anew and compares. Run with `BLESS=1` to write it.

use std::path::Path;
use std::process::Command;

#[test]
fn the_picture_is_the_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let report = Command::new(env!("CARGO_BIN_EXE_flowaudit"))
        .current_dir(root)
        .args(["audit", "fixtures/d-blocked.pcap", "--site", "fixtures/site.toml"])
        .args(["--color", "always", "--width", "100"])
        .output()
        .expect("the program runs");
    let page = String::from_utf8(report.stdout).expect("a report is UTF-8");
    let picture = anstyle_svg::Term::new().palette(anstyle_lossy::palette::WIN10_CONSOLE).render_svg(&page);
    let path = root.join("fixtures/report.svg");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &picture).expect("the picture is written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == picture,
        "fixtures/report.svg differs from the report; BLESS=1 cargo test --test picture writes it"
    );
}
