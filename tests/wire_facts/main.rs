//! Every capture of the shared set through the wire floor: nothing may panic, and the conversations
//! must be those that tshark lists in `facts/`. What differs stands with its reason in
//! `tests/differences/captures.csv`; a difference that is not listed there fails, and so does a listed
//! one that is gone.
#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../support/differences.rs"]
mod differences;
#[cfg(test)]
mod facts;
#[cfg(test)]
#[path = "../support/frames.rs"]
mod frames;
#[cfg(test)]
#[path = "../support/shared.rs"]
mod shared;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use flowaudit::wire::{Datagram, Fragments, Frame, LinkType, Transport, Undecoded, decode, peel};

    use super::facts::{Conversation, Sums, conversations};
    use super::{differences, frames, shared};

    #[test]
    fn conversations_are_those_of_the_facts() {
        let Some(captures) = shared::folder("captures") else { return };
        let (mut found, mut report) = (Vec::new(), String::new());
        for (id, file) in manifest(&captures) {
            let Some(expected) = conversations(&captures.join("facts").join(format!("{id}.json"))) else { continue };
            let (seen, reasons) = observe(&captures.join(&file));
            for (what, list) in differing(&expected, &seen) {
                if let Some(first) = list.first() {
                    found.push((id.clone(), what.to_owned()));
                    let (count, ours, theirs) = (list.len(), seen.get(first), expected.get(first));
                    report.push_str(&format!("{id},{what}: {count}, first {first:?}\n"));
                    report.push_str(&format!("    ours {ours:?}, theirs {theirs:?}, undecoded {reasons:?}\n"));
                }
            }
        }
        let table = differences::known_differences("wire").unwrap();
        let complaints = differences::unexplained(&found, &table, str::eq);
        assert!(complaints.is_empty(), "{}\n{report}", complaints.join("\n"));
    }

    /// Conversations that only the facts have, that only we have, and that differ in their sums.
    fn differing(theirs: &Sums, ours: &Sums) -> [(&'static str, Vec<Conversation>); 4] {
        let only = |here: &Sums, there: &Sums| here.keys().filter(|key| !there.contains_key(key)).cloned().collect();
        let both = || theirs.iter().filter_map(|(key, sum)| Some((key, sum, ours.get(key)?)));
        let packets = both().filter(|(_, theirs, ours)| theirs.packets != ours.packets);
        let payload = both().filter(|(_, theirs, ours)| theirs.payload != ours.payload);
        [
            ("lacking", only(theirs, ours)),
            ("surplus", only(ours, theirs)),
            ("packets", packets.map(|(key, ..)| key.clone()).collect()),
            ("payload", payload.map(|(key, ..)| key.clone()).collect()),
        ]
    }

    /// What tcpdump prints where tshark cannot read the link type.
    #[test]
    fn switch_tags_lead_to_ip() {
        let Some(captures) = shared::folder("captures") else { return };
        let check = |file: &str, expected: u64| {
            let mut decoded = 0;
            each_frame(&captures.join(file), |frame| decoded += u64::from(decode(frame).is_ok()));
            assert_eq!(decoded, expected, "{file}");
        };
        check("link/tcpdump-dsa.pcap", 6);
        check("link/tcpdump-edsa.pcap", 6);
        check("link/tcpdump-brcm-tag.pcap", 17);
    }

    /// Four bytes before an Ethernet frame are link type 240, which never takes the fast path.
    #[test]
    fn the_fast_path_says_what_the_careful_path_says() {
        let Some(captures) = shared::folder("captures") else { return };
        for (_, file) in manifest(&captures) {
            each_frame(&captures.join(&file), |frame| {
                if frame.link != LinkType(1) {
                    return;
                }
                let bytes = [&[0; 4], frame.bytes].concat();
                let wire_length = frame.wire_length.saturating_add(4);
                let careful = Frame { link: LinkType(240), bytes: &bytes, wire_length, ..*frame };
                let (fast, careful) = (decode(frame), decode(&careful));
                assert_eq!(format!("{fast:?}"), format!("{careful:?}"), "{file} {:?}", frame.place);
            });
        }
    }

    /// The TCP and UDP conversations of a file, and why frames gave none.
    fn observe(file: &Path) -> (Sums, BTreeMap<Undecoded, u64>) {
        let (mut seen, mut reasons) = (Sums::new(), BTreeMap::new());
        let mut fragments = Fragments::default();
        each_frame(file, |frame| {
            if let Err(reason) = follow(frame, &mut fragments, &mut seen) {
                *reasons.entry(reason).or_insert(0) += 1;
            }
        });
        (seen, reasons)
    }

    fn follow(frame: &Frame<'_>, fragments: &mut Fragments, seen: &mut Sums) -> Result<(), Undecoded> {
        let outermost = decode(frame)?;
        let Some(whole) = walk(outermost, seen)? else { return Ok(()) };
        let mut whole = fragments.insert(frame.at, &whole, frame.place);
        while let Some(reassembled) = whole.take() {
            if let Some(nested) = walk(reassembled.datagram()?, seen)? {
                whole = fragments.insert(frame.at, &nested, frame.place);
            }
        }
        Ok(())
    }

    /// Notes the datagram and what it carries; gives back the fragment at which it must stop.
    fn walk<'frame>(datagram: Datagram<'frame>, seen: &mut Sums) -> Result<Option<Datagram<'frame>>, Undecoded> {
        let mut next = datagram;
        loop {
            if let flowaudit::wire::Content::Fragment(_) = next.content {
                return Ok(Some(next));
            }
            if matches!(next.transport, Transport::TCP | Transport::UDP | Transport(136)) {
                seen.entry(Conversation::of(&next)).or_default().add(&next);
            }
            match peel(&next) {
                Some(inner) => next = inner?,
                None => return Ok(None),
            }
        }
    }

    /// (id, file) of every capture in the manifest.
    fn manifest(captures: &Path) -> Vec<(String, String)> {
        let mut rows = csv::Reader::from_path(captures.join("MANIFEST.csv")).unwrap();
        rows.records().map(|row| row.unwrap()).map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
    }

    fn each_frame(file: &Path, mut visit: impl FnMut(&Frame<'_>)) {
        frames::read(file).into_iter().flatten().for_each(|owned| visit(&owned.frame()));
    }
}
