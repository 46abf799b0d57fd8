//! Both directions of a DCOM activation or resolution in, the string bindings that the server gave
//! out (MS-DCOM sections 2.2.19.3 and 3.1.2.5.2.3). The dual string array is found by its own
//! shape inside the answer, because it sits at a different depth in each of the three calls that
//! return it; a sealed answer has none.

use super::reader::Reader;
use super::rpc;

/// Interfaces whose answers carry bindings: IRemoteSCMActivator, IActivation, IObjectExporter.
const GIVERS: [&str; 3] = [
    "000001a0-0000-0000-c000-000000000046",
    "4d9f4ab8-7d1c-11cf-861e-0020af6e7c57",
    "99fcfec4-5260-101b-bbcb-00aa0021347a",
];
/// Most bindings kept of one association.
const BINDINGS: usize = 64;
/// Longest host and port in a binding, in UTF-16 units.
const LONGEST: usize = 255;
/// Tower identifier of TCP (C706 appendix I).
const TCP: u16 = 7;

/// An address that a DCOM server gave for itself, `host` or `host[port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DcomBinding {
    /// Host name or address as written.
    pub host: String,
    /// TCP port, where one is given.
    pub port: Option<u16>,
    /// Offset of the answer's last fragment in the server's bytes.
    pub offset: usize,
}

/// Every TCP binding that `server` gave to `client`. Both start at their first payload byte.
#[must_use]
pub fn bindings(client: &[u8], server: &[u8]) -> Vec<DcomBinding> {
    let contexts: Vec<u16> = rpc::contexts(client, server)
        .into_iter()
        .filter(|context| context.accepted && GIVERS.contains(&context.uuid.as_str()))
        .map(|context| context.id)
        .collect();
    let mut found = Vec::new();
    if contexts.is_empty() {
        return found;
    }
    // An answer to a call that the client did not make is none.
    let calls: Vec<(u32, u16)> = rpc::requests(client).iter().map(|made| (made.call, made.context)).collect();
    let asked = |answer: &&rpc::Response<'_>| {
        contexts.contains(&answer.context) && calls.contains(&(answer.call, answer.context))
    };
    for answer in rpc::responses(server).iter().filter(asked) {
        for (host, port) in scan(&answer.stub) {
            let binding = DcomBinding { host, port, offset: answer.offset };
            if found.len() < BINDINGS && !found.contains(&binding) {
                found.push(binding);
            }
        }
    }
    found
}

/// Host and port of one binding.
type Address = (String, Option<u16>);

/// Looks for dual string arrays at every even offset, and goes on behind each that it finds.
fn scan(stub: &[u8]) -> Vec<Address> {
    let mut found = Vec::new();
    let mut rest = stub;
    while rest.len() > 8 {
        match array(rest) {
            Some((bindings, length)) => {
                found.extend(bindings);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => rest = rest.get(2..).unwrap_or_default(),
        }
    }
    found
}

/// The array at the front of `bytes` and its length in bytes: a count of 16-bit entries, the entry
/// where security bindings begin, string bindings up to an empty one, exactly there.
fn array(bytes: &[u8]) -> Option<(Vec<Address>, usize)> {
    let mut reader = Reader::new(bytes);
    let (entries, security) = (usize::from(reader.le16()?), usize::from(reader.le16()?));
    if security >= entries || security < 4 {
        return None;
    }
    let mut strings = Reader::new(reader.take(security.checked_mul(2)?)?);
    let mut found = Vec::new();
    loop {
        let tower = strings.le16()?;
        if tower == 0 {
            break;
        }
        let text = text(&mut strings)?;
        if tower == TCP {
            found.push(split(&text)?);
        } else if tower > 0x20 {
            return None;
        }
    }
    let length = entries.checked_mul(2)?.checked_add(4)?;
    (strings.is_empty() && !found.is_empty()).then_some((found, length))
}

/// A UTF-16 string up to its zero. Host names and addresses are ASCII.
fn text(reader: &mut Reader<'_>) -> Option<String> {
    let mut text = String::new();
    for _ in 0..=LONGEST {
        let unit = u8::try_from(reader.le16()?).ok()?;
        if unit == 0 {
            return (!text.is_empty()).then_some(text);
        }
        if !unit.is_ascii_graphic() {
            return None;
        }
        text.push(char::from(unit));
    }
    None
}

/// `host[port]` or `host`.
fn split(text: &str) -> Option<Address> {
    match text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        Some((host, port)) => Some((host.to_owned(), Some(port.parse().ok()?))),
        None => Some((text.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(text: &str) -> Vec<u8> {
        let mut bytes = vec![7, 0];
        bytes.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        bytes
    }

    fn check(strings: &[&str], expected: &[(&str, Option<u16>)]) {
        let mut body: Vec<u8> = strings.iter().flat_map(|text| binding(text)).collect();
        body.extend([0, 0]);
        let security = u16::try_from(body.len() / 2).unwrap();
        body.extend([9, 0, 0xff, 0xff, 0, 0, 0, 0]);
        let entries = u16::try_from(body.len() / 2).unwrap();
        let stub = [&[1, 2, 3, 4], &entries.to_le_bytes()[..], &security.to_le_bytes(), &body, &[0; 12]].concat();
        let expected: Vec<(String, Option<u16>)> =
            expected.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect();
        assert_eq!(scan(&stub), expected);
    }

    /// IObjectExporter, version 0.
    const EXPORTER: &[u8] = b"\xc4\xfe\xfc\x99\x60\x52\x1b\x10\xbb\xcb\0\xaa\0\x21\x34\x7a\0\0\0\0";
    const SYNTAX: &[u8] = b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0";

    fn pdu(kind: u8, call: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 16).unwrap().to_le_bytes();
        [&[5, 0, kind, 3, 0x10, 0, 0, 0], &length[..], &[0, 0, call, 0, 0, 0], body].concat()
    }

    /// A bind that was `granted` (0), the `calls` of requests, and one answer to call 2 that gives a binding.
    fn check_calls(granted: u8, calls: &[u8], expected: usize) {
        let bind = [&[0; 8], &b"\x01\0\0\0\0\0\x01\0"[..], EXPORTER, SYNTAX].concat();
        let bound = [&[0; 8], &b"\x04\x00135\0\0\0\x01\0\0\0"[..], &[granted, 0, 0, 0], SYNTAX].concat();
        let mut client = pdu(11, 1, &bind);
        calls.iter().for_each(|call| client.extend(pdu(0, *call, &[0, 0, 0, 0, 0, 0, 4, 0, 1, 2, 3, 4])));
        let given = [binding("10.0.0.6[59570]"), vec![0, 0, 9, 0, 0xff, 0xff, 0, 0, 0, 0]].concat();
        let (entries, security) =
            (u16::try_from(given.len() / 2).unwrap(), u16::try_from(given.len() / 2 - 4).unwrap());
        let array = [&entries.to_le_bytes()[..], &security.to_le_bytes(), &given, &[0; 12]].concat();
        let server = [pdu(12, 1, &bound), pdu(2, 2, &[&[0; 8][..], &array].concat())].concat();
        assert_eq!(bindings(&client, &server).len(), expected, "{granted} {calls:?}");
    }

    #[test]
    fn an_answer_belongs_to_a_call_of_the_client() {
        check_calls(0, &[2], 1);
        check_calls(0, &[3], 0);
        check_calls(0, &[], 0);
        check_calls(2, &[2], 0);
    }

    #[test]
    fn arrays() {
        check(&["WS6[59570]", "10.0.0.6"], &[("WS6", Some(59570)), ("10.0.0.6", None)]);
        check(&["WS6[99999]"], &[]);
        check(&["a b"], &[]);
        check(&[], &[]);
    }
}
