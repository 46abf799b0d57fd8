//! Forged evidence about names and announced ports, as frames through ledger and judge: whatever an
//! attacker changes in an answer, the flow that it should explain is not expected. Each group begins
//! with what is genuine, which is.
#![forbid(unsafe_code)]

#[cfg(test)]
mod attacks {

    use std::ops::Range;

    use flowaudit::audit::{self, Documents, Judged, Verdict};
    use flowaudit::dissect::Payload;
    use flowaudit::ledger::{Bounds, Ledger, Observation, Options};
    use flowaudit::matrix::{self, Matrix, Site};
    use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

    const SITE: &str = "[site]\npacks=['ams']\nbaseline=['ams-extras']\nvantage='ams-server'\n\
    [features]\nentra=true\n[roles]\nsql-server='10.0.0.40'\n\
    ams-server=['10.0.0.5','10.0.0.7']\ndomain-controllers=['10.0.0.11','10.0.0.12']\n";
    const CLIENT: [u8; 4] = [10, 0, 0, 5];
    const OTHER: [u8; 4] = [10, 0, 0, 6];
    /// Another subject, which may ask the same resolvers.
    const TWIN: [u8; 4] = [10, 0, 0, 7];
    const SERVER: [u8; 4] = [10, 0, 0, 11];
    const SECOND_SERVER: [u8; 4] = [10, 0, 0, 12];
    const STRANGER: [u8; 4] = [10, 0, 0, 66];
    const DATABASE: [u8; 4] = [10, 0, 0, 40];
    const CLOUD: [u8; 4] = [20, 190, 128, 1];
    const LINK: [u8; 4] = [169, 254, 1, 1];
    const NAME: &str = "graph.microsoft.com";

    type End = ([u8; 4], u16);

    /// Frames in the order of their time, in milliseconds.
    #[derive(Default)]
    struct Wire(Vec<(i64, Vec<u8>)>);

    impl Wire {
        fn udp(&mut self, at: i64, from: End, to: End, payload: &[u8]) {
            let length = u16::try_from(payload.len() + 8).unwrap();
            let head = [from.1, to.1, length, 0].map(u16::to_be_bytes).concat();
            self.packet(at, 17, from.0, to.0, &[&head[..], payload].concat());
        }

        /// A connection: handshake, then each side's bytes in turn. One without bytes is closed by both ends.
        fn tcp(&mut self, at: i64, from: End, to: End, said: &[(bool, Vec<u8>)]) {
            let mut next = [1000_u32, 5000];
            self.segment(at, (from, to), (next[0], 0), 2, &[]);
            self.segment(at, (to, from), (next[1], next[0] + 1), 0x12, &[]);
            next = next.map(|number| number + 1);
            self.segment(at, (from, to), (next[0], next[1]), 0x10, &[]);
            for (asks, bytes) in said {
                let (ends, own) = if *asks { ((from, to), 0) } else { ((to, from), 1) };
                self.segment(at, ends, (next[own], next[1 - own]), 0x18, bytes);
                next[own] += u32::try_from(bytes.len()).unwrap();
            }
            if said.is_empty() {
                self.segment(at, (from, to), (next[0], next[1]), 0x11, &[]);
                self.segment(at, (to, from), (next[1], next[0] + 1), 0x11, &[]);
            }
        }

        fn segment(&mut self, at: i64, (from, to): (End, End), (own, other): (u32, u32), flags: u8, payload: &[u8]) {
            let ports = [from.1, to.1].map(u16::to_be_bytes).concat();
            let numbers = [own, other].map(u32::to_be_bytes).concat();
            let segment = [&ports[..], &numbers, &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0], payload].concat();
            self.packet(at, 6, from.0, to.0, &segment);
        }

        fn packet(&mut self, at: i64, protocol: u8, from: [u8; 4], to: [u8; 4], content: &[u8]) {
            let length = u16::try_from(content.len() + 20).unwrap().to_be_bytes();
            let number = u16::try_from(self.0.len() + 1).unwrap().to_be_bytes();
            let head = [&[0x45, 0], &length[..], &number, &[0, 0, 64, protocol, 0, 0], &from, &to].concat();
            self.0.push((at, [head, content.to_vec()].concat()));
        }

        fn judge(&self) -> Judged {
            self.judge_by(SITE)
        }

        fn judge_by(&self, site: &str) -> Judged {
            let matrix = Matrix::load(&Site::parse("forged", site).unwrap()).unwrap();
            audit::judge(&self.observe(), &matrix)
        }

        fn observe(&self) -> Observation {
            self.piece(0..self.0.len()).settle()
        }

        /// Whatever the cut, the pieces know what the whole knows.
        fn check_pieces(&self, cuts: impl Iterator<Item = usize>) {
            let whole = self.observe();
            for cut in cuts {
                let merged = Ledger::merge(self.piece(0..cut), self.piece(cut..self.0.len())).settle();
                assert!(merged == whole, "cut at {cut} of {}", self.0.len());
            }
        }

        fn piece(&self, frames: Range<usize>) -> Ledger {
            let continuation = frames.start > 0;
            let mut ledger = Ledger::new(Options { continuation, ..Options::default() });
            self.feed(&mut ledger, frames);
            ledger
        }

        fn feed(&self, ledger: &mut Ledger, frames: Range<usize>) {
            for (number, (at, bytes)) in (1..).zip(&self.0).skip(frames.start).take(frames.len()) {
                ledger.observe(&Frame {
                    at: Timestamp::from_nanoseconds(at * 1_000_000),
                    link: LinkType(101),
                    tap: 0,
                    place: FrameRef { input: 0, number },
                    bytes,
                    wire_length: u32::from(u16::from_be_bytes([bytes[2], bytes[3]])),
                    course: Course::Unknown,
                    packet_id: None,
                    dropped: false,
                });
            }
        }

        /// The verdict on the last flow, and the kinds of the findings that are no flows'.
        fn verdict(&self) -> (Verdict, Vec<String>) {
            let judged = self.judge();
            let known = ["dns-race", "announced-elsewhere"];
            let kinds = judged.audit.findings.iter().map(|finding| finding.kind.clone());
            (judged.flows.last().unwrap().verdict, kinds.filter(|kind| known.contains(&kind.as_str())).collect())
        }
    }

    /// Why the last flow has its verdict.
    fn reason(seen: &Observation) -> String {
        let packs = |ids: &[&str]| ids.iter().map(|id| matrix::load_pack(id).unwrap()).collect::<Vec<_>>();
        let (site, audited, baseline) = (Site::parse("forged", SITE).unwrap(), packs(&["ams"]), packs(&["ams-extras"]));
        let documents = Documents { site: &site, audited: &audited, baseline: &baseline };
        audit::explain(seen, seen.flows.len() - 1, documents).unwrap().unwrap().reason
    }

    fn labels(name: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in name {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(*label);
        }
        bytes.push(0);
        bytes
    }

    fn encoded(name: &str) -> Vec<u8> {
        labels(&name.split('.').map(str::as_bytes).collect::<Vec<_>>())
    }

    /// One exchange of DNS, and the flow that goes by it. What an attack changes is a field.
    #[derive(Clone)]
    struct Lookup {
        asked: Option<Vec<u8>>,
        answered: Vec<u8>,
        owner: Vec<u8>,
        addresses: Vec<[u8; 4]>,
        /// DNS types that were asked for and answered, and the class.
        kinds: (u8, u8),
        class: u8,
        /// Questions that the question claims.
        questions: u8,
        /// How many answers, authority and additional records the answer claims.
        sections: [u8; 3],
        client: [u8; 4],
        resolver: [u8; 4],
        ids: (u8, u8),
        to_port: u16,
        flags: [u8; 2],
        lives: u32,
        at: [i64; 3],
        hello: Option<&'static str>,
        /// The hello is encrypted, and the name that it shows is the provider's.
        sealed: bool,
        target: [u8; 4],
        /// From where the flow comes.
        from_port: u16,
    }

    fn genuine() -> Lookup {
        Lookup {
            asked: Some(encoded(NAME)),
            answered: encoded(NAME),
            owner: vec![0xc0, 12],
            addresses: vec![CLOUD],
            kinds: (1, 1),
            class: 1,
            questions: 1,
            sections: [1, 0, 0],
            client: CLIENT,
            resolver: SERVER,
            ids: (7, 7),
            to_port: 4000,
            flags: [0x81, 0x80],
            lives: 60,
            at: [0, 20, 1000],
            hello: Some(NAME),
            sealed: false,
            target: CLOUD,
            from_port: 50_000,
        }
    }

    impl Lookup {
        fn wire(&self) -> Wire {
            let mut wire = Wire::default();
            let resolver = (self.resolver, 53);
            let mut said = Vec::new();
            if let Some(asked) = &self.asked {
                let head = [0, self.ids.0, 1, 0, 0, self.questions, 0, 0, 0, 0, 0, 0];
                let mut question = [&head[..], asked, &[0, self.kinds.0, 0, self.class]].concat();
                if self.questions > 1 {
                    question.extend([&encoded("other.example")[..], &[0, 1, 0, 1]].concat());
                }
                said.push((self.at[0], (self.client, 4000), resolver, question));
            }
            for address in &self.addresses {
                let [answers, authority, additional] = self.sections;
                let counts = [0, 1, 0, answers, 0, authority, 0, additional];
                let head = [&[0, self.ids.1, self.flags[0], self.flags[1]], &counts[..]].concat();
                let record = [&self.owner[..], &[0, 1, 0, 1], &self.lives.to_be_bytes(), &[0, 4], address].concat();
                let answer = [&head[..], &self.answered, &[0, self.kinds.1, 0, self.class], &record].concat();
                said.push((self.at[1], resolver, (self.client, self.to_port), answer));
            }
            let mut flow = vec![(true, hello(self.hello, self.sealed))];
            flow.push((false, b"\x16\x03\x03\x00\x04\x0e\0\0\0".to_vec()));
            let late = self.at[1] > self.at[2];
            for (at, from, to, bytes) in said.iter().filter(|it| !late || it.0 <= self.at[2]) {
                wire.udp(*at, *from, *to, bytes);
            }
            wire.tcp(self.at[2], (CLIENT, self.from_port), (self.target, 443), &flow);
            for (at, from, to, bytes) in said.iter().filter(|it| late && it.0 > self.at[2]) {
                wire.udp(*at, *from, *to, bytes);
            }
            wire
        }
    }

    /// A TLS hello that names `server`, or nobody; `sealed` as the outer hello of an encrypted one.
    fn hello(server: Option<&str>, sealed: bool) -> Vec<u8> {
        let named = |name: &str| {
            let length = u16::try_from(name.len()).unwrap();
            let head = [0, length + 5, length + 3].map(u16::to_be_bytes).concat();
            [&head[..], &[0], &length.to_be_bytes(), name.as_bytes()].concat()
        };
        let mut extensions = server.map_or_else(Vec::new, named);
        if sealed {
            extensions.extend([0xfe, 0x0d, 0, 10, 0, 0, 1, 0, 1, 7, 0, 0, 0, 0]);
        }
        hello_with(&extensions)
    }

    fn hello_with(extensions: &[u8]) -> Vec<u8> {
        let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
        let body = [&[3, 3], &[9; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &length, extensions].concat();
        let size = u16::try_from(body.len()).unwrap();
        let record = (size + 4).to_be_bytes();
        [&[0x16, 3, 1], &record[..], &[1, 0], &size.to_be_bytes(), &body].concat()
    }

    fn check_name(what: &str, lookup: &Lookup, believed: bool) {
        let (verdict, _) = lookup.wire().verdict();
        assert_eq!(verdict == Verdict::Expected, believed, "{what}: {}", verdict.name());
    }

    #[test]
    fn genuine_answers_are_believed() {
        let plain = genuine();
        check_name("plain", &plain, true);
        check_name("no hello name", &Lookup { hello: None, ..plain.clone() }, true);
        let loud = encoded("GRAPH.Microsoft.com");
        check_name("other case", &Lookup { answered: loud.clone(), asked: Some(loud), ..plain.clone() }, true);
        check_name("loud hello", &Lookup { hello: Some("Graph.MICROSOFT.com."), ..plain.clone() }, true);
        check_name("within the grace", &Lookup { at: [0, 20, 350_000], ..plain }, true);
    }

    #[test]
    fn forged_answers_are_not_believed() {
        let plain = genuine();
        let dotted = labels(&[b"graph.microsoft", b"com"]);
        let cases = [
            ("other client", Lookup { client: OTHER, ..plain.clone() }),
            ("another subject", Lookup { client: TWIN, ..plain.clone() }),
            ("other id", Lookup { ids: (7, 8), ..plain.clone() }),
            ("other port", Lookup { to_port: 4001, ..plain.clone() }),
            ("other question", Lookup { asked: Some(encoded("other.example")), ..plain.clone() }),
            ("late answer", Lookup { at: [0, 11_000, 12_000], ..plain.clone() }),
            ("answer behind the flow", Lookup { at: [0, 2_000, 1_000], ..plain.clone() }),
            ("answer outside the chain", Lookup { owner: encoded("other.example"), ..plain.clone() }),
            ("rebinding", Lookup { addresses: vec![SERVER], target: SERVER, ..plain.clone() }),
            ("unlisted resolver", Lookup { resolver: STRANGER, ..plain.clone() }),
            ("unasked", Lookup { asked: None, ..plain.clone() }),
            ("truncated", Lookup { flags: [0x83, 0x80], ..plain.clone() }),
            ("failed", Lookup { flags: [0x81, 0x83], ..plain.clone() }),
            ("expired", Lookup { at: [0, 20, 361_000], ..plain.clone() }),
            ("hello against DNS", Lookup { hello: Some("evil.example"), ..plain.clone() }),
            ("race", Lookup { addresses: vec![CLOUD, [198, 51, 100, 9]], ..plain.clone() }),
            ("DNS gave another address", Lookup { addresses: vec![[198, 51, 100, 9]], ..plain.clone() }),
            ("other type", Lookup { kinds: (28, 1), ..plain.clone() }),
            ("other class", Lookup { class: 3, ..plain.clone() }),
            ("two questions", Lookup { questions: 2, ..plain.clone() }),
            ("authority", Lookup { sections: [0, 1, 0], ..plain.clone() }),
            ("additional", Lookup { sections: [0, 0, 1], ..plain.clone() }),
            ("a question as answer", Lookup { flags: [1, 0], ..plain.clone() }),
            ("address of the link", Lookup { addresses: vec![LINK], target: LINK, ..plain.clone() }),
            ("dots inside a label", Lookup { asked: Some(dotted.clone()), answered: dotted, ..plain }),
        ];
        for (what, lookup) in &cases {
            check_name(what, lookup, false);
        }
    }

    /// Caches count times to live down and turn the order of addresses: answers that lead to the same addresses by
    /// the same names are no race, and each binds for its own time.
    #[test]
    fn answers_that_say_the_same_are_no_race() {
        const NEXT: [u8; 4] = [20, 190, 128, 2];
        let answer = |addresses: &[[u8; 4]], lives: u32| {
            let head = [0, 7, 0x81, 0x80, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0];
            let record =
                |address: &[u8; 4]| [&[0xc0, 12, 0, 1, 0, 1], &lives.to_be_bytes()[..], &[0, 4], address].concat();
            [&head[..], &encoded(NAME), &[0, 1, 0, 1], &addresses.iter().flat_map(record).collect::<Vec<_>>()].concat()
        };
        let check = |what: &str, second: &[u8], at: i64, expected: Verdict| {
            let lookup = Lookup { addresses: Vec::new(), at: [0, 20, at], ..genuine() };
            let mut wire = lookup.wire();
            let flow = wire.0.split_off(1);
            wire.udp(20, (SERVER, 53), (CLIENT, 4000), &answer(&[CLOUD, NEXT], 60));
            wire.udp(30, (SERVER, 53), (CLIENT, 4000), second);
            wire.0.extend(flow);
            assert_eq!(wire.verdict().0, expected, "{what}");
            wire.check_pieces(0..wire.0.len());
        };
        check("the same", &answer(&[CLOUD, NEXT], 60), 1000, Verdict::Expected);
        check("counted down", &answer(&[CLOUD, NEXT], 7), 1000, Verdict::Expected);
        check("in another order", &answer(&[NEXT, CLOUD], 60), 1000, Verdict::Expected);
        check("for longer", &answer(&[NEXT, CLOUD], 3600), 1_000_000, Verdict::Expected);
        check("as long as the first", &answer(&[CLOUD, NEXT], 7), 350_000, Verdict::Expected);
        check("expired", &answer(&[CLOUD, NEXT], 7), 361_000, Verdict::Unresolved);
        check("one address more", &answer(&[CLOUD, NEXT, [20, 190, 128, 3]], 60), 1000, Verdict::Mismatched);
        check("one address less", &answer(&[CLOUD], 60), 1000, Verdict::Mismatched);
    }

    /// A flow to an address that DNS gave for the allowed name, whose client says `hello`; its verdict, and why.
    fn said(hello: &[u8], asks: bool) -> (Verdict, String) {
        let lookup = if asks { genuine() } else { Lookup { asked: None, addresses: Vec::new(), ..genuine() } };
        let mut wire = lookup.wire();
        wire.0.retain(|(_, bytes)| bytes[9] == 17);
        let mut flow: Vec<(bool, Vec<u8>)> = hello.chunks(1400).map(|part| (true, part.to_vec())).collect();
        flow.push((false, b"\x16\x03\x03\x00\x04\x0e\0\0\0".to_vec()));
        wire.tcp(1000, (CLIENT, 50_000), (CLOUD, 443), &flow);
        (wire.verdict().0, reason(&wire.observe()))
    }

    /// RFC 6066 allows one name of a kind: of two each end may believe another.
    #[test]
    fn a_hello_with_two_names_is_not_believed() {
        const EVIL: &str = "evil.example";
        let entry =
            |name: &str| [&[0], &u16::try_from(name.len()).unwrap().to_be_bytes()[..], name.as_bytes()].concat();
        let extension = |names: &[&str]| {
            let list = names.iter().flat_map(|name| entry(name)).collect::<Vec<_>>();
            let length = u16::try_from(list.len()).unwrap();
            [&[0, 0], &(length + 2).to_be_bytes()[..], &length.to_be_bytes(), &list].concat()
        };
        let two = |first: &str, second: &str| [extension(&[first]), extension(&[second])].concat();
        let cases = [
            ("one name twice", two(NAME, NAME), Verdict::Expected, "both say"),
            ("two extensions", two(NAME, EVIL), Verdict::Unresolved, "RFC 6066"),
            ("the other way", two(EVIL, NAME), Verdict::Unresolved, "RFC 6066"),
            ("two in one list", extension(&[NAME, EVIL]), Verdict::Unresolved, "RFC 6066"),
            ("neither allowed", two(EVIL, "worse.example"), Verdict::Mismatched, "SNI of several says evil.example"),
        ];
        for (what, extensions, expected, why) in cases {
            let (verdict, reason) = said(&hello_with(&extensions), true);
            assert!(verdict == expected && reason.contains(why), "{what}: {} {reason}", verdict.name());
        }
        let cold = said(&hello_with(&two(EVIL, NAME)), false);
        assert!(cold.0 == Verdict::Unresolved && cold.1.contains("RFC 6066"), "{cold:?}");
        assert_eq!(said(&hello_with(&two(EVIL, "worse.example")), false).0, Verdict::Unexpected);
    }

    /// A name behind what is read of a hello was not read, which is not the same as none.
    #[test]
    fn a_name_that_lies_too_far_behind_was_not_read() {
        let far = |length: u16| {
            let padding = [&[0, 21], &length.to_be_bytes()[..], &vec![0; usize::from(length)]].concat();
            let name = [&[0, 0, 0, 24, 0, 22, 0, 0, 19], NAME.as_bytes()].concat();
            hello_with(&[padding, name].concat())
        };
        assert_eq!(said(&far(9_000), true).0, Verdict::Expected);
        for asks in [true, false] {
            let (verdict, reason) = said(&far(17_000), asks);
            assert!(verdict == Verdict::Unresolved && reason.contains("its name was not read"), "{reason}");
        }
    }

    /// Both sides of a contradiction are told by the frame that says it: the answer, and the hello.
    #[test]
    fn a_contradiction_names_the_frame_of_the_hello() {
        let (verdict, reason) = said(&hello(Some("evil.example"), false), true);
        assert_eq!(verdict, Verdict::Mismatched);
        assert_eq!(
            reason,
            "SNI says evil.example (frame 6), but DNS frame 2 gave this address for graph.microsoft.com."
        );
        let lookup = Lookup { hello: Some("evil.example"), ..genuine() };
        let found = lookup.wire().judge().audit;
        let finding = found.findings.iter().find(|finding| finding.kind == "mismatched").unwrap();
        assert!(finding.evidence.iter().any(|shown| shown.frame == 6), "{:?}", finding.evidence);
    }

    /// The outer name of an encrypted hello is the provider's: it proves nothing, even where a site takes a
    /// name in a hello for enough, and beside an answer of DNS it leaves what DNS alone is worth.
    #[test]
    fn an_outer_name_is_not_believed() {
        let claims = SITE.replace("[features]", "basis={name='sni'}\n[features]");
        let cold = Lookup { asked: None, addresses: Vec::new(), ..genuine() };
        let verdict = |lookup: &Lookup, site: &str| lookup.wire().judge_by(site).flows.last().unwrap().verdict;
        assert_eq!(verdict(&cold, &claims), Verdict::Expected);
        assert_ne!(verdict(&Lookup { sealed: true, ..cold.clone() }, &claims), Verdict::Expected);
        assert_ne!(verdict(&cold, SITE), Verdict::Expected);
        let strict = SITE.replace("[features]", "basis={name='agreed'}\n[features]");
        assert_eq!(verdict(&genuine(), &strict), Verdict::Expected);
        let sealed = Lookup { sealed: true, ..genuine() };
        assert_eq!(verdict(&sealed, &strict), Verdict::Unresolved);
        assert_eq!(verdict(&sealed, SITE), Verdict::Expected);
    }

    /// Segments that say two things in one place: nobody knows which hello the server read.
    #[test]
    fn a_hello_that_contradicts_itself_is_not_believed() {
        for (what, second, expected) in
            [("the same again", NAME, Verdict::Expected), ("another", "graph.microsoft.org", Verdict::Unresolved)]
        {
            let mut wire = genuine().wire();
            let answer = wire.0.pop().unwrap();
            let ends = ((CLIENT, 50_000), (CLOUD, 443));
            wire.segment(1000, ends, (1001, 5001), 0x18, &hello(Some(second), false));
            wire.0.push(answer);
            assert_eq!(wire.verdict().0, expected, "{what}");
        }
    }

    /// `count` answers to other questions of this client, eleven seconds apart.
    fn others(wire: &mut Wire, at: i64, count: u16, name: impl Fn(u16) -> String, address: impl Fn(u16) -> [u8; 4]) {
        for number in 0..count {
            let asked = encoded(&name(number));
            let more =
                Lookup { asked: Some(asked.clone()), answered: asked, addresses: vec![address(number)], ..genuine() };
            let after = at + i64::from(number) * 11_000;
            let said = Lookup { lives: 3600, at: [after, after + 5, after + 6], ..more }.wire();
            // The exchange without its flow.
            wire.0.extend(said.0.into_iter().take(2));
        }
    }

    /// What was pushed out of the table of names proves nothing, and is said; a use keeps its place.
    #[test]
    fn a_flood_of_answers_pushes_out_and_makes_nothing_expected() {
        let spare = |number: u16| [203, 0, 113, u8::try_from(number).unwrap()];
        let same = |_: u16| NAME.to_owned();
        let several = |number: u16| format!("n{number}.example");
        let one = |_: u16| CLOUD;
        let check = |count: u16, used: bool, many: bool, expected: (Verdict, u64)| {
            let mut wire = Lookup { lives: 3600, ..genuine() }.wire();
            let flow = wire.0.split_off(2);
            // Half of them, perhaps a use, then the rest.
            let half = count / 2;
            let fill = |wire: &mut Wire, at, from: u16, count| match many {
                true => others(wire, at, count, same, |number| spare(number + from)),
                false => others(wire, at, count, |number| several(number + from), one),
            };
            fill(&mut wire, 20_000, 0, half);
            if used {
                wire.0.extend(flow.iter().map(|(_, bytes)| (400_000, bytes.clone())));
            }
            fill(&mut wire, 500_000, half, count - half);
            wire.tcp(
                1_000_000,
                (CLIENT, 50_001),
                (CLOUD, 443),
                &[(true, hello(Some(NAME), false)), (false, b"\x16\x03\x03\x00\x04\x0e\0\0\0".to_vec())],
            );
            let judged = wire.judge();
            let found = (judged.flows.last().unwrap().verdict, judged.audit.quality.names_pushed_out);
            assert_eq!(found, expected, "{count} others, used {used}, addresses {many}");
            wire.check_pieces((1..wire.0.len()).step_by(7));
        };
        check(63, false, true, (Verdict::Expected, 0));
        check(64, false, true, (Verdict::Unresolved, 1));
        check(64, true, true, (Verdict::Expected, 1));
        check(15, false, false, (Verdict::Expected, 0));
        check(16, false, false, (Verdict::Unresolved, 1));
        check(16, true, false, (Verdict::Expected, 1));
    }

    /// One more message than fits, so that a third one about the flow's name is not read.
    const FLOOD: usize = 262_142;

    /// Questions of somebody else until the budget is all but used up, then a look-up whose answer comes twice.
    fn flooded() -> Wire {
        let mut wire = Lookup { at: [2_000, 2_020, 3_000], ..genuine() }.wire();
        let answer = wire.0[1].clone();
        wire.0.insert(2, answer);
        let question = [&[0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &encoded("x.example")[..], &[0, 1, 0, 1]].concat();
        let mut early = Wire::default();
        early.udp(0, (OTHER, 4000), (SERVER, 53), &question);
        wire.0.splice(0..0, std::iter::repeat_n(early.0.remove(0), FLOOD));
        wire
    }

    /// Beyond the budget of messages a second, contradicting answer is not seen: nothing goes by a name.
    #[test]
    fn beyond_the_budget_of_messages_nothing_goes_by_a_name() {
        let wire = flooded();
        let judged = wire.judge();
        let quality = &judged.audit.quality;
        assert_eq!((judged.flows.last().unwrap().verdict, quality.names_unread), (Verdict::Unresolved, 1));
        assert!(quality.gaps.iter().any(|gap| gap.contains("budget for names")), "{:?}", quality.gaps);
        wire.check_pieces(std::iter::once(FLOOD / 2));
    }

    /// A watch that folds what is over reads names again: at once where a flow states the name that a new
    /// look-up gave, and else when nothing that was lost can hold any more.
    #[test]
    fn a_watch_gets_over_a_flood_of_messages() {
        const MINUTE: i64 = 60_000;
        const DAY: i64 = 24 * 60 * MINUTE;
        const BOUNDS: Bounds = Bounds { flows: 400, memory: 3_600_000_000_000 };
        let asked = |at: i64| Lookup { at: [at, at + 20, at + 1000], ..genuine() };
        let unasked = |at: i64| Lookup { asked: None, addresses: Vec::new(), ..asked(at) };
        let silent = |at: i64| Lookup { hello: None, ..asked(at) };
        let raced = Lookup { addresses: vec![CLOUD, [198, 51, 100, 9]], ..asked(90 * MINUTE) };
        let cases = [
            ("too close to the loss", asked(MINUTE), Verdict::Unresolved),
            ("by what was known before", unasked(2 * MINUTE), Verdict::Unresolved),
            ("an hour later", asked(60 * MINUTE), Verdict::Expected),
            ("by DNS only", silent(61 * MINUTE), Verdict::Unresolved),
            ("a race", raced, Verdict::Mismatched),
            ("by DNS only, in a day", silent(DAY + 6 * MINUTE), Verdict::Expected),
        ];
        let matrix = Matrix::load(&Site::parse("forged", SITE).unwrap()).unwrap();
        let mut wire = flooded();
        let before = wire.0.len();
        for (port, (_, lookup, _)) in (50_001..).zip(&cases) {
            wire.0.extend(Lookup { from_port: port, ..lookup.clone() }.wire().0);
        }
        let mut ledger = wire.piece(0..before);
        assert!(ledger.is_full(BOUNDS));
        let seen = ledger.settle();
        let judged = audit::judge(&seen, &matrix);
        let now = Timestamp::from_nanoseconds(MINUTE * 2_000_000);
        ledger.close(now, BOUNDS, &seen, |at| judged.flows.get(at).unwrap().stance());
        assert!(!ledger.is_full(BOUNDS));
        wire.feed(&mut ledger, before..wire.0.len());
        let seen = ledger.settle();
        let judged = audit::judge(&seen, &matrix);
        assert_eq!(judged.audit.quality.names_unread, 1);
        let verdict = |port: u16| {
            let place = seen.flows.iter().position(|flow| flow.originator().port == port).unwrap();
            judged.flows.get(place).unwrap().verdict
        };
        assert_eq!(verdict(50_000), Verdict::Unresolved, "the flow behind the loss");
        for (port, (what, _, expected)) in (50_001..).zip(&cases) {
            assert_eq!(verdict(port), *expected, "{what}");
        }
    }

    /// A host that the site calls by a name is bound as any other name: by what this client was answered.
    #[test]
    fn a_host_that_the_site_names_is_bound_by_dns() {
        let site = SITE.replace("sql-server='10.0.0.40'", "sql-server='sql1.corp.example'");
        let site = site.replace("entra=true", "external-sql=true");
        let prelogin = b"\x12\x01\0\x14\0\0\x01\0\0\0\x06\0\x06\xff\x10\0\0\0\0\0".to_vec();
        let check = |what: &str, lookup: &Lookup, port: u16, believed: bool| {
            let mut wire = lookup.wire();
            wire.0.retain(|(_, bytes)| bytes[9] == 17);
            wire.tcp(2000, (CLIENT, 50_000), (DATABASE, port), &[(true, prelogin.clone())]);
            let verdict = wire.judge_by(&site).flows.last().unwrap().verdict;
            assert_eq!(verdict == Verdict::Expected, believed, "{what}: {}", verdict.name());
        };
        let name = encoded("sql1.corp.example");
        let told = Lookup { asked: Some(name.clone()), answered: name, addresses: vec![DATABASE], ..genuine() };
        check("told", &told, 1433, true);
        check("another port", &told, 1434, false);
        check("another client", &Lookup { client: OTHER, ..told.clone() }, 1433, false);
        check("another address", &Lookup { addresses: vec![CLOUD], ..told.clone() }, 1433, false);
        check("an unlisted resolver", &Lookup { resolver: STRANGER, ..told.clone() }, 1433, false);
        check("of a listed host", &Lookup { addresses: vec![SERVER], ..told }, 1433, false);
    }

    /// A row whose name fails says so, and only where that was seen.
    #[test]
    fn rows_fail_by_their_name() {
        let check = |what: &str, lookup: &Lookup, contacted: bool, expected: (&str, &str)| {
            let mut wire = lookup.wire();
            let flow = wire.0.split_off(wire.0.iter().position(|(_, bytes)| bytes[9] == 6).unwrap());
            if contacted {
                wire.0.extend(flow);
            }
            // The capture goes on for a minute.
            wire.udp(60_000, (CLIENT, 4001), (SERVER, 389), b"x");
            let audit = wire.judge().audit;
            let row = audit.rows.iter().find(|row| row.id == "AMS-02").unwrap();
            assert_eq!(row.status.name(), expected.0, "{what}: {}", row.reason);
            assert!(row.reason.contains(expected.1), "{what}: {}", row.reason);
        };
        let plain = genuine();
        let failed = Lookup { flags: [0x81, 0x83], ..plain.clone() };
        let unanswered = Lookup { addresses: Vec::new(), ..plain.clone() };
        let empty = Lookup { owner: encoded("other.example"), ..plain.clone() };
        let raced = Lookup { addresses: vec![CLOUD, [198, 51, 100, 9]], ..plain.clone() };
        check("contacted", &plain, true, ("confirmed", ""));
        check("never contacted", &plain, false, ("name-failed", "never contacted"));
        check("NXDOMAIN", &failed, false, ("name-failed", "NXDOMAIN"));
        check("no answer", &unanswered, false, ("name-failed", "not answered"));
        check("no address", &empty, false, ("name-failed", "no address"));
        check("a race", &raced, false, ("name-failed", "contradict"));
        check(
            "another name",
            &Lookup { asked: Some(encoded("a.example")), ..plain },
            false,
            ("not-yet", "Never tried"),
        );
    }

    /// A message in a stream, behind its length.
    fn framed(message: &[u8]) -> Vec<u8> {
        [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    /// Where the datagram was cut by its sender, the answer comes over TCP, and only to a question there.
    #[test]
    fn an_answer_over_tcp_is_believed_of_whom_was_asked() {
        let exchange = Lookup { at: [100, 120, 1000], ..genuine() }.wire().0;
        let payload = |at: usize| exchange[at].1[28..].to_vec();
        let (question, answer) = (payload(0), payload(1));
        let mut other = answer.clone();
        other[1] ^= 1;
        let cases = [
            ("asked there", vec![(true, framed(&question)), (false, framed(&answer))], Verdict::Expected),
            ("another identifier", vec![(true, framed(&question)), (false, framed(&other))], Verdict::Unresolved),
            ("not asked there", vec![(false, framed(&answer))], Verdict::Unresolved),
            ("cut", vec![(true, framed(&question)), (false, framed(&answer)[..40].to_vec())], Verdict::Unresolved),
        ];
        for (what, said, expected) in cases {
            let mut wire = Lookup { flags: [0x83, 0x80], ..genuine() }.wire();
            let flow = wire.0.split_off(2);
            wire.tcp(500, (CLIENT, 4001), (SERVER, 53), &said);
            wire.0.extend(flow);
            assert_eq!(wire.verdict().0, expected, "{what}");
        }
    }

    /// What is asked the other way round names nobody, and no more do the hints of a service binding.
    #[test]
    fn only_addresses_that_were_asked_for_bind() {
        for (kind, data) in [
            (12, encoded(NAME)),
            (65, [&[0, 1, 0, 0, 4, 0, 4], &CLOUD[..]].concat()),
            (33, [&[0, 0, 0, 0, 1, 187], &encoded(NAME)[..]].concat()),
        ] {
            let mut wire = genuine().wire();
            for (place, with_answer) in [(0, false), (1, true)] {
                let (at, bytes) = &wire.0[place];
                let (at, from, to) = (*at, bytes[12..16].try_into().unwrap(), bytes[16..20].try_into().unwrap());
                let ports = [20, 22].map(|at| u16::from_be_bytes([bytes[at], bytes[at + 1]]));
                let mut message = bytes[28..28 + 12].to_vec();
                message.extend([&encoded(NAME)[..], &[0, kind, 0, 1]].concat());
                if with_answer {
                    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
                    message.extend([&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60], &length[..], &data].concat());
                }
                let mut one = Wire::default();
                one.udp(at, (from, ports[0]), (to, ports[1]), &message);
                wire.0[place] = one.0.remove(0);
            }
            let seen = wire.observe();
            assert_eq!(seen.resolutions.len(), 1, "type {kind}");
            assert!(seen.bindings.is_empty(), "type {kind}: {:?}", seen.bindings);
            assert_eq!(wire.verdict().0, Verdict::Unresolved, "type {kind}");
        }
    }

    /// A hello in two segments, cut anywhere, in either order, overlapping, and with one half lost.
    #[test]
    fn a_hello_over_segments_is_read_in_any_order() {
        let whole = hello(Some(NAME), false);
        let ends = ((CLIENT, 50_000), (CLOUD, 443));
        let verdict = |segments: &[(usize, usize)]| {
            let mut wire = genuine().wire();
            // The answer of the server stays; the hello goes.
            let answer = wire.0.pop().unwrap();
            wire.0.pop();
            for (from, to) in segments {
                let sequence = 1001 + u32::try_from(*from).unwrap();
                wire.segment(1000, ends, (sequence, 5001), 0x18, &whole[*from..*to]);
            }
            wire.0.push(answer);
            wire.verdict().0
        };
        let size = whole.len();
        for cut in 1..size {
            assert_eq!(verdict(&[(0, cut), (cut, size)]), Verdict::Expected, "{cut}");
            assert_eq!(verdict(&[(cut, size), (0, cut)]), Verdict::Expected, "{cut} the wrong way round");
            assert_eq!(verdict(&[(0, cut), (cut / 2, size)]), Verdict::Expected, "{cut} overlapping");
            let lost = verdict(&[(cut, size)]);
            assert!(lost == Verdict::Unresolved || lost == Verdict::Mismatched, "{cut} lost: {}", lost.name());
        }
    }

    /// What was not captured is not what was not recognised: only the second speaks against a row.
    #[test]
    fn not_captured_and_not_recognised_stay_apart() {
        let check = |what: &str, said: &[(bool, Vec<u8>)], cut: bool, expected: (&Payload, Verdict)| {
            let mut wire = Wire::default();
            wire.tcp(1000, (CLIENT, 50_000), (SERVER, 389), said);
            if cut {
                // The lengths stay, the bytes behind the headers go.
                wire.0.iter_mut().for_each(|(_, bytes)| bytes.truncate(40));
            }
            let seen = wire.observe();
            assert_eq!((&*seen.flows[0].payload, wire.judge().flows.get(0).unwrap().verdict), expected, "{what}");
        };
        let strange = [(true, vec![0x5a; 64]), (false, vec![0xa5; 64])];
        check("no bytes were sent", &[], false, (&Payload::None, Verdict::Expected));
        check("headers only", &strange, true, (&Payload::NotCaptured, Verdict::Expected));
        check("unknown bytes", &strange, false, (&Payload::NotRecognised, Verdict::Mismatched));
    }

    /// A connection that was opened and on which nothing is captured may have said anything, unless it was closed
    /// right behind its handshake. In one piece or in two.
    #[test]
    fn nothing_said_is_only_what_the_numbers_show() {
        let ends = ((CLIENT, 50_000), (SERVER, 389));
        let (there, back) = (ends, (ends.1, ends.0));
        // Who sends, its sequence number and acknowledgement, flags: behind a handshake of 1000 and 5000.
        type Segment = (bool, u32, u32, u8);
        let check = |what: &str, closing: &[Segment], mute: bool| {
            let mut wire = Wire::default();
            wire.tcp(1000, ends.0, ends.1, &[]);
            wire.0.truncate(3);
            for (asks, own, other, flags) in closing {
                wire.segment(1001, if *asks { there } else { back }, (*own, *other), *flags, &[]);
            }
            for cut in 0..=wire.0.len() {
                let whole = Ledger::merge(wire.piece(0..cut), wire.piece(cut..wire.0.len()));
                let found = whole.settle().flows[0].is_mute();
                assert_eq!(found, mute, "{what}, cut at {cut}");
            }
            let expected = if mute { Verdict::Expected } else { Verdict::Unresolved };
            assert_eq!(wire.judge().flows.get(0).unwrap().verdict, expected, "{what}");
        };
        check("still open", &[], false);
        check("closed by both", &[(true, 1001, 5001, 0x11), (false, 5001, 1002, 0x11)], true);
        check("closed by one", &[(true, 1001, 5001, 0x11)], false);
        check("closed behind bytes that are lost", &[(true, 1041, 5001, 0x11), (false, 5001, 1042, 0x11)], false);
        check("closed behind an answer that is lost", &[(true, 1001, 5001, 0x11), (false, 5091, 1002, 0x11)], false);
        check("reset, with a number for both", &[(true, 1001, 5001, 0x14)], true);
        check("reset, with its own alone", &[(true, 1001, 0, 0x04)], false);
        check("reset behind an answer that is lost", &[(true, 1001, 5091, 0x14)], false);
    }

    /// Where a site says who plays a role by name alone, or says of one role only, nobody knows who a peer is: that
    /// accuses nobody.
    #[test]
    fn peers_whom_nothing_names_are_not_accused() {
        let by_name = "[site]\npacks=['ams']\n[features]\nexternal-sql=true\n[roles]\n\
            ams-server='10.0.0.5'\nsql-server='sql1.corp.example'\n";
        let alone = "[site]\npacks=['ams']\nbaseline=['windows-member']\n[roles]\nams-server='10.0.0.5'\n";
        let options = b"\0\0\x1a\0\x06\x01\0\x20\0\x01\x02\0\x21\0\x01\x03\0\x22\0\x04\x04\0\x26\0\x01\xff";
        let prelogin = [&b"\x12\x01\0\x2f\0\0\x01\0"[..], options, &[0; 13]].concat();
        let ssh = b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n".to_vec();
        let check = |what: &str, site: &str, port: u16, said: &[(bool, Vec<u8>)], expected: Verdict| {
            let mut wire = Wire::default();
            wire.tcp(1000, (CLIENT, 50_000), (DATABASE, port), said);
            assert_eq!(wire.judge_by(site).flows.get(0).unwrap().verdict, expected, "{what}");
        };
        check(
            "a database by name, before its look-up",
            by_name,
            1433,
            &[(true, prelogin.clone())],
            Verdict::Unresolved,
        );
        check("no database on its port", by_name, 1433, &[(true, ssh.clone())], Verdict::Unexpected);
        check("a database elsewhere", by_name, 1434, &[(true, prelogin)], Verdict::Unexpected);
        check("Kerberos, and no controller is known", alone, 88, &[], Verdict::Unresolved);
        check("a port of no controller", alone, 2222, &[(true, ssh)], Verdict::Unexpected);
    }

    /// A sealed connection that was open before the capture.
    fn midstream(from: [u8; 4], port: u16) -> Wire {
        let mut wire = Wire::default();
        let sealed = |size: u8| [&[0x17, 3, 3, 0, size], &vec![0x5a; usize::from(size)][..]].concat();
        wire.tcp(1000, (from, 50_000), (CLOUD, port), &[(true, sealed(40)), (false, sealed(90))]);
        wire.0.drain(..3);
        wire
    }

    /// At a mirror, what a resolver told another client brings a flow that nothing names before the judge, and
    /// makes nothing of it.
    #[test]
    fn what_another_client_was_told_is_a_hint() {
        const USER: [u8; 4] = [10, 0, 1, 9];
        const MIRROR: &str = "[site]\npacks=['ams']\nbaseline=[]\nvantage='mirror'\n[features]\noidc=true\n\
            [roles]\nams-server='10.0.0.5'\ndomain-controllers='10.0.0.11'\nweb-users='10.0.1.0/24'\n\
            oidc-provider='sts.example'\n";
        let name = encoded("sts.example");
        let told = Lookup { asked: Some(name.clone()), answered: name, at: [5_000, 5_020, 6_000], ..genuine() };
        let other = Lookup { asked: Some(encoded("a.example")), answered: encoded("a.example"), ..told.clone() };
        let named = |server| {
            let mut wire = Wire::default();
            wire.tcp(1000, (USER, 50_000), (CLOUD, 443), &[(true, hello(Some(server), false))]);
            wire
        };
        let cases = [
            ("told", midstream(USER, 443), Some(&told), Verdict::Unresolved),
            ("nobody was told", midstream(USER, 443), None, Verdict::OutOfScope),
            ("told of another name", midstream(USER, 443), Some(&other), Verdict::OutOfScope),
            ("another port", midstream(USER, 444), Some(&told), Verdict::OutOfScope),
            ("another user", midstream(STRANGER, 443), Some(&told), Verdict::OutOfScope),
            ("it says otherwise", named("evil.example"), Some(&told), Verdict::OutOfScope),
            ("it says so itself", named("sts.example"), Some(&told), Verdict::Unresolved),
        ];
        for (what, mut wire, lookup, expected) in cases {
            if let Some(lookup) = lookup {
                wire.0.extend(lookup.wire().0.into_iter().take(2));
            }
            let seen = wire.observe();
            let place =
                seen.flows.iter().position(|flow| flow.responder().address == std::net::IpAddr::from(CLOUD)).unwrap();
            assert_eq!(wire.judge_by(MIRROR).flows.get(place).unwrap().verdict, expected, "{what}");
        }
    }

    /// A flow that nothing names may be that of several rows, and each of them says so.
    #[test]
    fn rows_say_which_flows_may_be_theirs() {
        let audit = midstream(CLIENT, 443).judge().audit;
        let doubting = audit.rows.iter().filter(|row| row.reason.contains("1 unresolved flow may belong to it"));
        let doubting: Vec<&str> = doubting.map(|row| row.id.as_str()).collect();
        assert_eq!(doubting, ["AMS-01", "AMS-02", "AMS-03"]);
    }

    #[test]
    fn a_race_is_a_finding() {
        let race = Lookup { addresses: vec![CLOUD, [198, 51, 100, 9]], ..genuine() };
        assert_eq!(race.wire().verdict().1, ["dns-race"]);
        assert!(genuine().wire().verdict().1.is_empty());
    }

    const MAPPER: &[u8] = b"\x08\x83\xaf\xe1\x1f\x5d\xc9\x11\x91\xa4\x08\0\x2b\x14\xa0\xfa\x03\0\0\0";
    const NDR: &[u8] = b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0";
    const SAMR: &[u8] = b"\x78\x57\x34\x12\x34\x12\xcd\xab\xef\0\x01\x23\x45\x67\x89\xac\x01\0\0\0";
    const LSARPC: &[u8] = b"\x78\x57\x34\x12\x34\x12\xcd\xab\xef\0\x01\x23\x45\x67\x89\xab\0\0\0\0";
    const PORT: u16 = 49_700;

    fn pdu(kind: u8, call: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 16).unwrap().to_le_bytes();
        [&[5, 0, kind, 3, 0x10, 0, 0, 0], &length[..], &[0, 0, call, 0, 0, 0], body].concat()
    }

    fn bind(interface: &[u8]) -> Vec<u8> {
        pdu(11, 1, &[&[0; 8], &b"\x01\0\0\0\0\0\x01\0"[..], interface, NDR].concat())
    }

    fn bound(result: u8) -> Vec<u8> {
        pdu(12, 1, &[&[0; 8], &b"\x04\x00135\0\0\0\x01\0\0\0"[..], &[result, 0, 0, 0], NDR].concat())
    }

    fn tower(interface: &[u8], port: u16, address: [u8; 4]) -> Vec<u8> {
        let floors =
            [b"\x05\0\x13\0\x0d", &interface[..18], b"\x02\0\0\0\x13\0\x0d", &NDR[..18], b"\x02\0\0\0"].concat();
        let runtime = b"\x01\0\x0b\x02\0\0\0\x01\0\x07\x02\0";
        let tower = [&floors[..], runtime, &port.to_be_bytes(), b"\x01\0\x09\x04\0", &address].concat();
        let length = u32::try_from(tower.len()).unwrap().to_le_bytes();
        [&length[..], &length, &tower].concat()
    }

    /// One call of an endpoint mapper, and the flow that goes by it.
    #[derive(Clone)]
    struct Mapping {
        client: [u8; 4],
        server: [u8; 4],
        granted: u8,
        calls: (u8, u8),
        contexts: (u8, u8),
        operation: u8,
        answered: &'static [u8],
        port: u16,
        address: [u8; 4],
        opened: bool,
        status: u8,
        /// Another answer in place of the first, which its segment contradicts.
        torn: bool,
        at: i64,
        flow: Vec<(bool, Vec<u8>)>,
    }

    fn mapping() -> Mapping {
        Mapping {
            client: CLIENT,
            server: SERVER,
            granted: 0,
            calls: (2, 2),
            contexts: (0, 0),
            operation: 3,
            answered: SAMR,
            port: PORT,
            address: SERVER,
            opened: true,
            status: 0,
            torn: false,
            at: 1000,
            flow: Vec::new(),
        }
    }

    impl Mapping {
        /// A port below 1024 is asked for as such, any other as the one that is announced.
        fn target(&self) -> u16 {
            if self.port < 1024 { self.port } else { PORT }
        }

        fn wire(&self) -> Wire {
            let mut wire = Wire::default();
            let asked = tower(SAMR, 135, [0; 4]);
            let head = [0, 0, 0, 0, self.contexts.0, 0, self.operation, 0];
            let request = [&head[..], &b"\0\0\0\0\x01\0\0\0"[..], &asked, &[0; 25]].concat();
            let given = tower(self.answered, self.port, self.address);
            let arrays = b"\x01\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\x03\0\0\0";
            let padding = vec![0; given.len().next_multiple_of(4) - given.len()];
            let head = [0, 0, 0, 0, self.contexts.1, 0, 0, 0];
            let response = [&head[..], &[0; 20], arrays, &given, &padding, &[self.status, 0, 0, 0]].concat();
            let said = [
                (true, bind(MAPPER)),
                (false, bound(self.granted)),
                (true, pdu(0, self.calls.0, &request)),
                (false, pdu(2, self.calls.1, &response)),
            ];
            wire.tcp(0, (self.client, 40_000), (self.server, 135), &said);
            if self.torn {
                let mut other = wire.0.last().unwrap().1.clone();
                let last = other.len() - 1;
                other[last] ^= 1;
                wire.0.push((0, other));
            }
            if !self.opened {
                wire.0.drain(..3);
            }
            wire.tcp(self.at, (CLIENT, 50_000), (SERVER, self.target()), &self.flow);
            wire
        }
    }

    fn check_port(what: &str, mapping: &Mapping, believed: bool) {
        let (verdict, _) = mapping.wire().verdict();
        assert_eq!(verdict == Verdict::Expected, believed, "{what}: {}", verdict.name());
    }

    #[test]
    fn genuine_announcements_and_binds_are_believed() {
        let plain = mapping();
        check_port("plain", &plain, true);
        check_port("within the day", &Mapping { at: 24 * 3600 * 1000, ..plain.clone() }, true);
        check_port("no address in the tower", &Mapping { address: [0; 4], ..plain.clone() }, true);
        let flow = vec![(true, bind(SAMR)), (false, bound(0))];
        check_port("bind agrees", &Mapping { flow: flow.clone(), ..plain.clone() }, true);
        check_port("bind alone", &Mapping { flow, client: OTHER, ..plain }, true);
    }

    #[test]
    fn forged_announcements_are_not_believed() {
        let plain = mapping();
        let rejected = vec![(true, bind(SAMR)), (false, bound(2))];
        let unknown = vec![(true, vec![0x5a; 64]), (false, vec![0xa5; 64])];
        let foreign = vec![(true, b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n".to_vec())];
        let cases = [
            ("other client", Mapping { client: OTHER, ..plain.clone() }),
            ("other server", Mapping { server: SECOND_SERVER, address: SECOND_SERVER, ..plain.clone() }),
            ("another server's tower", Mapping { address: SECOND_SERVER, ..plain.clone() }),
            ("for this server, by another", Mapping { server: SECOND_SERVER, ..plain.clone() }),
            ("wrong call", Mapping { calls: (2, 3), ..plain.clone() }),
            ("wrong context", Mapping { contexts: (0, 1), ..plain.clone() }),
            ("context never bound", Mapping { contexts: (1, 1), ..plain.clone() }),
            ("bind rejected", Mapping { granted: 2, ..plain.clone() }),
            ("no handshake", Mapping { opened: false, ..plain.clone() }),
            ("look-up, not map", Mapping { operation: 2, ..plain.clone() }),
            ("another interface", Mapping { answered: LSARPC, ..plain.clone() }),
            ("another port", Mapping { port: PORT + 1, ..plain.clone() }),
            ("a port of the system", Mapping { port: 1023, ..plain.clone() }),
            ("failed", Mapping { status: 9, ..plain.clone() }),
            ("answered twice in one place", Mapping { torn: true, ..plain.clone() }),
            ("a day later", Mapping { at: 24 * 3600 * 1000 + 1, ..plain.clone() }),
            ("bytes that nobody knows on it", Mapping { flow: unknown, ..plain.clone() }),
            ("no RPC on it", Mapping { flow: foreign, ..plain.clone() }),
            ("bind alone, and rejected", Mapping { flow: rejected, client: OTHER, ..plain }),
        ];
        for (what, mapping) in &cases {
            check_port(what, mapping, false);
        }
    }

    /// A bind that was captured is told with what became of it.
    #[test]
    fn a_refused_bind_is_no_missing_one() {
        let asks = |flow| reason(&Mapping { flow, client: OTHER, ..mapping() }.wire().observe());
        let refused = asks(vec![(true, bind(SAMR)), (false, bound(2))]);
        assert!(
            refused.contains("asks for the DCE/RPC interface samr") && refused.contains("did not accept it"),
            "{refused}"
        );
        let unanswered = asks(vec![(true, bind(SAMR))]);
        assert!(unanswered.contains("no answer to it was captured"), "{unanswered}");
        let silent = asks(Vec::new());
        assert!(silent.contains("no bind for it was captured"), "{silent}");
    }

    /// What is announced once a flow is open does not explain it.
    #[test]
    fn an_announcement_behind_the_flow_is_not_believed() {
        for (at, expected) in [(1000, Verdict::Expected), (-1000, Verdict::Unresolved)] {
            let wire = Mapping { at, ..mapping() }.wire();
            let seen = wire.observe();
            let place = seen.flows.iter().position(|flow| flow.responder().port == PORT).unwrap();
            assert_eq!(wire.judge().flows.get(place).unwrap().verdict, expected, "at {at}");
        }
    }

    #[test]
    fn a_tower_of_another_host_is_a_finding() {
        let astray = Mapping { address: SECOND_SERVER, ..mapping() };
        assert_eq!(astray.wire().verdict().1, ["announced-elsewhere"]);
        assert!(mapping().wire().verdict().1.is_empty());
    }

    /// What a SQL Server browser says to `client`, if it was asked, and the verdict on the flow to the port.
    fn instance(asked: &[u8], client: [u8; 4], browser: [u8; 4], ports: &[&str]) -> Verdict {
        let mut wire = Wire::default();
        if !asked.is_empty() {
            wire.udp(0, (client, 4000), (browser, 1434), asked);
        }
        for port in ports {
            let text = format!("ServerName;SQL1;InstanceName;AMS;IsClustered;No;Version;16.0.1000.6;tcp;{port};;");
            let length = u16::try_from(text.len()).unwrap().to_le_bytes();
            wire.udp(20, (browser, 1434), (client, 4000), &[&[5], &length[..], text.as_bytes()].concat());
        }
        wire.tcp(1000, (CLIENT, 50_000), (DATABASE, 49_812), &[]);
        wire.verdict().0
    }

    /// Beyond the budget of messages none of a browser counts, and that is said.
    #[test]
    fn beyond_the_budget_no_browser_is_believed() {
        let text = "ServerName;SQL1;InstanceName;AMS;IsClustered;No;Version;16.0.1000.6;tcp;49812;;";
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        let mut early = Wire::default();
        early.udp(0, (OTHER, 4000), (STRANGER, 1434), b"\x03");
        let mut wire = Wire::default();
        wire.udp(10, (CLIENT, 4000), (DATABASE, 1434), b"\x04AMS\0");
        wire.udp(20, (DATABASE, 1434), (CLIENT, 4000), &[&[5], &length[..], text.as_bytes()].concat());
        wire.tcp(1000, (CLIENT, 50_000), (DATABASE, 49_812), &[]);
        wire.0.splice(0..0, std::iter::repeat_n(early.0.remove(0), FLOOD + 1));
        let cut = FLOOD / 2;
        let seen = Ledger::merge(wire.piece(0..cut), wire.piece(cut..wire.0.len())).settle();
        let matrix = Matrix::load(&Site::parse("forged", SITE).unwrap()).unwrap();
        let judged = audit::judge(&seen, &matrix);
        let quality = &judged.audit.quality;
        assert_eq!((judged.flows.last().unwrap().verdict, quality.browsers_unread), (Verdict::Unresolved, 1));
        assert!(quality.gaps.iter().any(|gap| gap.contains("SQL Server browsers")), "{:?}", quality.gaps);
        let reason = reason(&seen);
        assert!(reason.contains("many messages of SQL Server browsers"), "{reason}");
    }

    /// A browser of databases announces no port of RPC.
    #[test]
    fn a_browser_is_no_endpoint_mapper() {
        let mut wire = Wire::default();
        let text = format!("ServerName;DC1;InstanceName;AMS;IsClustered;No;Version;16.0.1000.6;tcp;{PORT};;");
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        wire.udp(0, (CLIENT, 4000), (SERVER, 1434), b"\x04AMS\0");
        wire.udp(20, (SERVER, 1434), (CLIENT, 4000), &[&[5], &length[..], text.as_bytes()].concat());
        wire.tcp(1000, (CLIENT, 50_000), (SERVER, PORT), &[]);
        assert_eq!(wire.verdict().0, Verdict::Unresolved);
    }

    #[test]
    fn instances_are_believed_of_the_browser_that_was_asked() {
        const ASKED: &[u8] = b"\x04AMS\0";
        for asked in [ASKED, b"\x04ams\0", b"\x03"] {
            assert_eq!(instance(asked, CLIENT, DATABASE, &["49812"]), Verdict::Baseline, "{asked:?}");
        }
        let forged = [
            ("unasked", instance(b"", CLIENT, DATABASE, &["49812"])),
            ("another instance was asked for", instance(b"\x04B\0", CLIENT, DATABASE, &["49812"])),
            ("what was said is no question", instance(b"\x09", CLIENT, DATABASE, &["49812"])),
            ("other client", instance(ASKED, OTHER, DATABASE, &["49812"])),
            ("other server", instance(ASKED, CLIENT, STRANGER, &["49812"])),
            ("other port", instance(ASKED, CLIENT, DATABASE, &["49813"])),
            ("no plain number", instance(ASKED, CLIENT, DATABASE, &["+49812"])),
            ("two answers", instance(ASKED, CLIENT, DATABASE, &["49812", "49813"])),
        ];
        for (what, verdict) in forged {
            assert_eq!(verdict, Verdict::Unresolved, "{what}");
        }
    }
}
