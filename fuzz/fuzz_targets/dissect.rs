//! The first bytes of both directions: recognised, and given to every reader of names and endpoints.
#![no_main]

use flowaudit::dissect::{Prefix, Progress, cldap, dcom, dns, epm, ldap, name, recognise, rpc, ssrp};
use flowaudit::wire::Transport;
use libfuzzer_sys::fuzz_target;

// One byte of flags, two bytes that say where the second direction begins, then both directions.
fuzz_target!(|data: &[u8]| {
    let Some(([flags, low, high], bytes)) = data.split_first_chunk::<3>() else { return };
    let cut = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
    let (client, server) = bytes.split_at(cut);
    let flag = |bit: u8| flags & bit != 0;
    let transport = if flag(1) { Transport::UDP } else { Transport::TCP };
    let one = Prefix { bytes: client, from_start: flag(2), ended: flag(4), ..Prefix::default() };
    let other = Prefix { bytes: server, from_start: flag(8), ended: flag(16), ..Prefix::default() };
    let answer = recognise(transport, one, other);
    if one.ended && other.ended {
        assert!(!matches!(answer, Progress::More(_)), "waits for bytes that will not come");
    }
    if let Progress::Known(known) = &answer {
        for claim in &known.claims {
            let printable = claim.name.bytes().all(|byte| byte.is_ascii_graphic());
            assert!(printable, "a name that is not canonical: {:?}", claim.name);
        }
    }
    for bytes in [client, server] {
        if let Some(message) = dns::parse(bytes) {
            let _ = dns::addresses(&message);
        }
        let _ = dns::tcp_messages(bytes).map(dns::parse).count();
        let _ = (cldap::ping(bytes), ldap::root_dse(bytes), ssrp::instances(bytes));
        let _ = (name::from_text(bytes), name::from_host(bytes), name::from_protocol(bytes));
    }
    let _ = (rpc::interfaces(client, server), epm::announcements(client, server), dcom::bindings(client, server));
});
