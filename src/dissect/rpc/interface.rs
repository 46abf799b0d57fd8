//! Interface UUIDs and the names under which engineers know them. Data only: which of them a row
//! allows is the pack's word.

/// The endpoint mapper, version 3 (C706 appendix O).
pub(in crate::dissect) const EPM: &str = "e1af8308-5d1f-11c9-91a4-08002b14a0fa";

/// A UUID in text form, lower case (RFC 9562 section 4). `bytes` in the order of the text.
#[must_use]
pub fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0x0f] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text
}

/// The short name of an interface, given by its UUID in text form.
#[must_use]
pub fn interface_name(uuid: &str) -> Option<&'static str> {
    INTERFACES.iter().find(|(known, _)| *known == uuid).map(|(_, name)| *name)
}

/// A UUID of a protocol tower, which is little-endian always.
pub(in crate::dissect) const fn uuid_from_wire(wire: [u8; 16]) -> [u8; 16] {
    uuid(wire, true)
}

/// Wire bytes of a UUID in the order of its text: its first three fields are integers.
pub(super) const fn uuid(wire: [u8; 16], little: bool) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, tail @ ..] = wire;
    let [i, j, k, l, m, n, o, p] = tail;
    if little { [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p] } else { wire }
}

const INTERFACES: &[(&str, &str)] = &[
    (EPM, "epm"),
    ("0b1c2170-5732-4e0e-8cd3-d9b16f3b84d7", "authzr"),
    ("e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi"),
    ("12345678-1234-abcd-ef00-01234567cffb", "netlogon"),
    ("12345778-1234-abcd-ef00-0123456789ab", "lsarpc"),
    ("12345778-1234-abcd-ef00-0123456789ac", "samr"),
    ("b9785960-524f-11df-8b6d-83dcded72085", "gkdi"),
    ("6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc"),
    ("4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc"),
    ("3919286a-b10c-11d0-9ba8-00c04fd92ef5", "dssetup"),
    ("91ae6020-9e3c-11cf-8d7c-00aa00c091be", "icpr"),
    ("000001a0-0000-0000-c000-000000000046", "iremotescmactivator"),
    ("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "iactivation"),
    ("99fcfec4-5260-101b-bbcb-00aa0021347a", "iobjectexporter"),
    ("00000131-0000-0000-c000-000000000046", "iremunknown"),
    ("00000143-0000-0000-c000-000000000046", "iremunknown2"),
    ("f309ad18-d86a-11d0-a075-00c04fb68820", "iwbemlevel1login"),
    ("9556dc99-828c-11cf-a37e-00aa003240c7", "iwbemservices"),
    ("d4781cd6-e5d3-44df-ad94-930efe48a887", "iwbemloginclientid"),
    ("367abb81-9844-35f1-ad32-98f038001003", "svcctl"),
    ("338cd001-2244-31f1-aaaa-900038001003", "winreg"),
    ("1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc"),
    ("86d35949-83c9-4044-b424-db363231fd0c", "itaskschedulerservice"),
    ("378e52b0-c0a9-11cf-822d-00aa0051e40f", "sasec"),
    ("12345678-1234-abcd-ef00-0123456789ab", "spoolss"),
    ("76f03f96-cdfd-44fc-a22c-64950a001209", "iremotewinspool"),
    ("50abc2a4-574d-40b3-9d66-ee4fd5fba076", "dnsserver"),
    ("82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog"),
    ("f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "ieventservice"),
    ("897e2e5f-93f3-4376-9c9c-fd2277495c27", "frstrans"),
    ("f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi"),
    ("a4f1db00-ca47-1067-b31f-00dd010662da", "emsmdb"),
    ("1544f5e0-613c-11d1-93df-00c04fd7bd09", "rfr"),
    ("6bffd098-a112-3610-9833-012892020162", "browser"),
    ("4fc742e0-4a10-11cf-8273-00aa004ae673", "dfs"),
    ("c681d488-d850-11d0-8c52-00c04fd90f7e", "efsrpc"),
    ("df1941c5-fe89-4e79-bf10-463657acf44d", "efsrpc"),
    ("afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt"),
    ("5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc", "msgsvc"),
    ("894de0c0-0d55-11d3-a322-00c04fa321a1", "initshutdown"),
    ("3dde7c30-165d-11d1-ab8f-00805f14db40", "bkrp"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names() {
        for (uuid, expected) in [(EPM, Some("epm")), ("12345778-1234-abcd-ef00-0123456789ac", Some("samr")), ("", None)]
        {
            assert_eq!(interface_name(uuid), expected);
        }
    }

    #[test]
    fn every_entry_is_a_uuid() {
        for (known, _) in INTERFACES {
            let lengths: Vec<usize> = known.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{known}");
            assert!(known.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)), "{known}");
        }
    }

    #[test]
    fn both_byte_orders() {
        let wire = *b"\x08\x83\xaf\xe1\x1f\x5d\xc9\x11\x91\xa4\x08\x00\x2b\x14\xa0\xfa";
        assert_eq!(uuid_text(uuid(wire, true)), EPM);
        assert_eq!(uuid_text(uuid(wire, false)), "0883afe1-1f5d-c911-91a4-08002b14a0fa");
    }
}
