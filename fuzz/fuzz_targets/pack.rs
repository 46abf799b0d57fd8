//! A pack and a site as text: parsed, every fault rendered, compiled, and the compiled look-up
//! held against the plain scan.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use flowaudit::matrix::{Facts, Faults, Matrix, Pack, Peer, Site};
use flowaudit::wire::Transport;
use libfuzzer_sys::fuzz_target;

// The text of the pack, a NUL byte, the text of the site.
fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (pack, site) = text.split_once('\0').unwrap_or((&text, "[site]\nname = \"fuzz\"\n"));
    let pack = Pack::parse("pack.toml", pack).map_err(render).ok();
    let site = Site::parse("site.toml", site).map_err(render).ok();
    let (Some(pack), Some(site)) = (pack, site) else { return };
    let again = Pack::parse("again.toml", &pack.to_toml());
    assert!(again.is_ok(), "a pack that was printed cannot be read: {:?}", again.map_err(|faults| faults.to_string()));
    match Matrix::compile(&[pack], &[], &site) {
        Ok(matrix) => look_up(&matrix, data),
        Err(faults) => render(faults),
    }
});

fn render(faults: Faults) {
    assert!(!faults.is_empty(), "refused without a reason");
    let _ = (faults.render(false), faults.render(true));
}

fn look_up(matrix: &Matrix, data: &[u8]) {
    for bytes in data.chunks_exact(8).take(16) {
        let [a, b, c, d, e, high, low, transport] = *bytes else { return };
        let peer = |last: u8| Peer { address: IpAddr::V4(Ipv4Addr::new(a, b, c, last)), names: &[] };
        let transport = if transport & 1 == 0 { Transport::TCP } else { Transport::UDP };
        let port = u16::from_be_bytes([high, low]);
        let facts = Facts { originator: peer(d), responder: peer(e), transport, port };
        let mut found = Vec::new();
        matrix.matches(&facts, &mut found);
        found.sort();
        let mut scanned = matrix.scan(&facts);
        scanned.sort();
        assert_eq!(found, scanned, "the compiled look-up is wrong");
    }
}
