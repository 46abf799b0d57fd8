//! A capture that lost packets never clears a flow: over the lab and the small domain captures, with
//! packets removed at random and by class, no flow that was unexpected, mismatched or unresolved
//! becomes expected or baseline. Where nothing is left of a flow but its unanswered start, it is an
//! attempt like any other that was blocked, and its row says so; such flows are not compared.
#![forbid(unsafe_code)]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod property {

    use std::collections::{BTreeMap, BTreeSet};
    use std::net::IpAddr;
    use std::path::{Path, PathBuf};

    use crate::frames::Owned;
    use flowaudit::audit::{self, Verdict};
    use flowaudit::dissect::{Application, Payload};
    use flowaudit::flow::{Conversation, Endpoint, Outcome};
    use flowaudit::ledger::{Ledger, Observation, Options};
    use flowaudit::matrix::{Matrix, Site};
    use flowaudit::wire::{Content, Frame, TcpFlags, Timestamp, Transport, decode};

    /// Captures above this size are left to slower tests.
    const LARGEST: u64 = 400_000;
    const SEEDS: u64 = 5;
    /// Of a thousand packets, how many are lost.
    const RATES: [u64; 3] = [10, 100, 500];

    /// A flow and what is thought of it.
    type Judged = (Conversation, Verdict);

    #[test]
    fn loss_in_the_lab_clears_nothing() {
        let Some(lab) = crate::shared::folder("lab") else { return };
        let captures = captures(&lab.join("captures"), u64::MAX);
        assert!(!captures.is_empty());
        let found = captures.iter().flat_map(|path| {
            let mut site = Site::load(&lab.join("site.toml").to_string_lossy()).unwrap();
            if path.to_string_lossy().contains("-span") {
                site.set_vantage("mirror");
            }
            check(path, |_| site.clone())
        });
        report(&found.collect::<Vec<_>>());
    }

    #[test]
    fn loss_in_other_captures_clears_nothing() {
        let Some(folder) = crate::shared::folder("captures") else { return };
        let mut paths = captures(&folder.join("matrix"), LARGEST);
        paths.extend(captures(&folder.join("names"), LARGEST));
        let found = paths.iter().flat_map(|path| {
            let mirror = check(path, |seen| site(seen, "mirror"));
            [mirror, check(path, |seen| site(seen, "ams-server"))].concat()
        });
        report(&found.collect::<Vec<_>>());
    }

    /// Wherever the clock is set back by an hour, it is said, and no try turns out to be filtered and no
    /// row missing that was not so with a clock that went on.
    #[test]
    fn a_clock_that_is_set_back_blocks_nothing() {
        let root = env!("CARGO_MANIFEST_DIR");
        let frames = crate::frames::read(&Path::new(root).join("fixtures/d-blocked.pcap")).unwrap();
        let matrix = Matrix::load(&Site::load(&format!("{root}/fixtures/site.toml")).unwrap()).unwrap();
        let filtered = |seen: &Observation| -> BTreeSet<_> {
            let flows = seen.flows.iter().filter(|flow| flow.outcome == Outcome::Filtered);
            flows.map(|flow| flow.first_frame).collect()
        };
        let whole = filtered(&observe(frames.iter()));
        assert!(!whole.is_empty());
        for cut in (10..frames.len()).step_by(40) {
            let mut ledger = Ledger::new(Options::default());
            for (place, owned) in frames.iter().enumerate() {
                let frame = owned.frame();
                let back = if place < cut { 0 } else { 3_600_000_000_000 };
                ledger.observe(&Frame { at: frame.at.plus(-back), ..frame });
            }
            let seen = ledger.settle();
            assert_eq!(seen.clock_steps.len(), 1, "set back at {cut}");
            let wrong: Vec<_> = filtered(&seen).difference(&whole).copied().collect();
            assert!(wrong.is_empty(), "set back at {cut}: {wrong:?}");
            let audit = audit::judge(&seen, &matrix).audit;
            assert!(audit.rows.iter().all(|row| row.status.name() != "missing"), "set back at {cut}");
            let said = |gap: &String| gap.starts_with("The clock was set backward by 3");
            assert!(audit.quality.gaps.iter().any(said), "{:?}", audit.quality.gaps);
        }
    }

    fn report(found: &[String]) {
        assert!(found.is_empty(), "{} flows were cleared by a loss:\n{}", found.len(), found.join("\n"));
    }

    fn captures(folder: &Path, largest: u64) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let small = entries.filter(|entry| entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= largest));
        let mut paths: Vec<PathBuf> = small.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end != "csv" && end != "txt"));
        paths.sort();
        paths
    }

    /// A site in which most of a capture plays a role, so that there is something to clear: who starts
    /// most flows is the subject, who serves it plays what the ports say.
    fn site(seen: &Observation, vantage: &str) -> Site {
        let mut started: BTreeMap<IpAddr, usize> = BTreeMap::new();
        seen.flows.iter().for_each(|flow| *started.entry(flow.originator().address).or_default() += 1);
        let subject = started.iter().max_by_key(|(_, count)| **count).map(|(address, _)| *address);
        let serving = |ports: &[u16]| {
            let serves = seen.flows.iter().filter(|flow| ports.contains(&flow.responder().port));
            let hosts: BTreeSet<String> = serves.map(|flow| flow.responder().address.to_string()).collect();
            hosts.into_iter().take(40).collect::<Vec<_>>().join(",")
        };
        let claims = seen.flows.iter().filter_map(|flow| match &*flow.payload {
            Payload::Recognised(recognised) => recognised.claims.first().map(|claim| claim.name.clone()),
            Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
        });
        let names: BTreeSet<String> = claims.step_by(2).take(6).collect();
        let mut site =
            Site::parse("loss", "[site]\npacks=['ams']\nbaseline=['windows-member','link-noise']\n").unwrap();
        let roles = [
            ("ams-server", subject.map(|address| address.to_string()).unwrap_or_default()),
            ("domain-controllers", serving(&[88, 135, 389, 445])),
            ("dns-servers", serving(&[53])),
            ("sql-server", serving(&[1433])),
        ];
        for (role, players) in roles.iter().filter(|(_, players)| !players.is_empty()) {
            site.bind(role, players).unwrap();
        }
        for name in names {
            // What is no name cannot be bound, and the others serve as well.
            let _ = site.bind("oidc-provider", &name);
        }
        site.set_feature("oidc", true);
        site.set_feature("external-sql", true);
        site.set_vantage(vantage);
        site
    }

    /// What one way of losing packets clears.
    fn check(path: &Path, site: impl Fn(&Observation) -> Site) -> Vec<String> {
        let Some(frames) = crate::frames::read(path) else { return Vec::new() };
        let whole = observe(frames.iter());
        let Ok(matrix) = Matrix::load(&site(&whole)) else { panic!("{}: no matrix", path.display()) };
        let before = judged(whole, &matrix);
        let servers: BTreeSet<Endpoint> = before.iter().map(|(flow, _)| flow.responder()).collect();
        let mut found = Vec::new();
        for (name, kept) in losses(&frames, &servers) {
            let after = judged(observe(kept.into_iter()), &matrix);
            let lines = cleared(&before, &after);
            found.extend(lines.into_iter().take(3).map(|line| format!("{}, {name}: {line}", path.display())));
        }
        found
    }

    fn observe<'frame>(frames: impl Iterator<Item = &'frame Owned>) -> Observation {
        let mut ledger = Ledger::new(Options::default());
        frames.for_each(|frame| ledger.observe(&frame.frame()));
        ledger.settle()
    }

    fn judged(seen: Observation, matrix: &Matrix) -> Vec<Judged> {
        let verdicts = audit::judge(&seen, matrix).flows;
        seen.flows.into_iter().zip(verdicts.into_iter().map(|flow| flow.verdict)).collect()
    }

    /// Every way to lose packets, with what is left.
    fn losses<'frame>(frames: &'frame [Owned], servers: &BTreeSet<Endpoint>) -> Vec<(String, Vec<&'frame Owned>)> {
        let mut losses = Vec::new();
        for rate in RATES {
            for seed in 1..=SEEDS {
                let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut draw = move || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % 1000
                };
                let kept = frames.iter().filter(|_| draw() >= rate).collect();
                losses.push((format!("{rate} in 1000, seed {seed}"), kept));
            }
        }
        for (name, lost) in CLASSES {
            losses.push(((*name).to_owned(), frames.iter().filter(|frame| !lost(&packet(frame), servers)).collect()));
        }
        losses.push(("all behind the handshakes".to_owned(), handshakes(frames)));
        for part in [10, 2] {
            let kept = frames.iter().skip(frames.len() / part).collect();
            losses.push((format!("the first 1/{part}"), kept));
        }
        for tenths in [1, 3, 5, 7, 9] {
            let kept = frames.iter().take(frames.len() * tenths / 10).collect();
            losses.push((format!("all behind {tenths}/10"), kept));
        }
        losses
    }

    /// Of each connection its first three packets, where the first is a SYN.
    fn handshakes(frames: &[Owned]) -> Vec<&Owned> {
        let mut begun: BTreeMap<(Endpoint, Endpoint), usize> = BTreeMap::new();
        let mut is_kept = |frame: &&Owned| {
            let Some((from, to, syn)) = packet(frame) else { return true };
            let ends = (from.min(to), from.max(to));
            match begun.get_mut(&ends) {
                None if syn => begun.insert(ends, 1).is_none(),
                None => true,
                Some(count) => {
                    *count += 1;
                    *count <= 3
                }
            }
        };
        frames.iter().filter(|frame| is_kept(frame)).collect()
    }

    /// What the classes look at: sender and receiver, and whether it is a SYN.
    type Packet = Option<(Endpoint, Endpoint, bool)>;
    type Class = fn(&Packet, &BTreeSet<Endpoint>) -> bool;

    const CLASSES: &[(&str, Class)] = &[
        ("all of DNS", |packet, _| packet.is_some_and(|(from, to, _)| from.port == 53 || to.port == 53)),
        ("all answers of DNS", |packet, _| packet.is_some_and(|(from, ..)| from.port == 53)),
        ("all SYNs", |packet, _| packet.is_some_and(|(.., syn)| syn)),
        ("all that servers sent", |packet, servers| packet.is_some_and(|(from, ..)| servers.contains(&from))),
        ("all that clients sent", |packet, servers| packet.is_some_and(|(_, to, _)| servers.contains(&to))),
    ];

    fn packet(frame: &Owned) -> Packet {
        let frame = frame.frame();
        let datagram = decode(&frame).ok()?;
        let (source, destination) = datagram.ports();
        let syn = matches!(&datagram.content, Content::Tcp(segment) if segment.flags.any(TcpFlags::SYN));
        let from = Endpoint { address: datagram.source, port: source };
        Some((from, Endpoint { address: datagram.destination, port: destination }, syn))
    }

    /// Flows that pass, although every flow in their place and time did not before.
    fn cleared(before: &[Judged], after: &[Judged]) -> Vec<String> {
        let mut places: BTreeMap<Place, Vec<&Judged>> = BTreeMap::new();
        for judged in before {
            places.entry(place(&judged.0)).or_default().push(judged);
        }
        let passes = |verdict: Verdict| matches!(verdict, Verdict::Expected | Verdict::Baseline);
        let compared = |(flow, verdict): &&Judged| passes(*verdict) && flow.outcome.is_open();
        let mut lines = Vec::new();
        for (flow, verdict) in after.iter().filter(compared) {
            let same = places.get(&place(flow)).map(Vec::as_slice).unwrap_or_default();
            let same: Vec<_> = same.iter().filter(|(other, _)| overlap(flow, other)).collect();
            let failed = |verdict| matches!(verdict, Verdict::Unexpected | Verdict::Mismatched | Verdict::Unresolved);
            if !same.is_empty() && same.iter().all(|(_, verdict)| failed(*verdict)) {
                let was: Vec<&str> = same.iter().map(|(_, verdict)| verdict.name()).collect();
                let (from, to, word) = (flow.originator(), flow.responder(), flow.outcome.name());
                let ends = format!("{}:{} -> {}:{}", from.address, from.port, to.address, to.port);
                lines.push(format!("{ends} {word} is {} and was {}", verdict.name(), was.join(", ")));
            }
        }
        lines
    }

    type Place = (Transport, Endpoint, Endpoint);

    fn place(flow: &Conversation) -> Place {
        let (low, high) = (flow.originator().min(flow.responder()), flow.originator().max(flow.responder()));
        (flow.transport, low, high)
    }

    fn overlap(a: &Conversation, b: &Conversation) -> bool {
        let span = |flow: &Conversation| -> (Timestamp, Timestamp) { (flow.first, flow.last) };
        let ((first, last), (other_first, other_last)) = (span(a), span(b));
        first <= other_last && other_first <= last
    }

    /// Why a connection that was open before the capture and that nothing names is never expected: of the
    /// lab's forbidden connections to hosts behind TLS nothing else is left once their start is lost. Neither
    /// kind has a name, and both speak TLS; so whatever cleared the one would clear the other.
    #[test]
    fn what_is_left_of_a_forbidden_connection_is_a_nameless_one() {
        let Some(lab) = crate::shared::folder("lab") else { return };
        let matrix = Matrix::load(&Site::load(&lab.join("site.toml").to_string_lossy()).unwrap()).unwrap();
        let of = |capture: &str, lost: &dyn Fn(&Owned) -> bool, peer: &str| -> Vec<(Verdict, bool, Outcome)> {
            let frames = crate::frames::read(&lab.join("captures").join(capture)).unwrap();
            let judged = judged(observe(frames.iter().filter(|frame| !lost(frame))), &matrix);
            let to_peer = judged.into_iter().filter(|(flow, _)| flow.responder().address.to_string() == peer);
            let facts = to_peer.map(|(flow, verdict)| {
                let Payload::Recognised(known) = &*flow.payload else { return (verdict, false, flow.outcome) };
                let sealed = known.application == Some(Application::Tls) && known.claims.is_empty();
                (verdict, sealed, flow.outcome)
            });
            facts.collect()
        };
        let nameless = (Verdict::Unresolved, true, Outcome::Midstream);
        assert_eq!(of("f-midstream.pcap", &|_| false, "10.77.200.11"), [nameless]);
        // A forbidden peer and a forged name: the hello, all before it, and what DNS said are lost.
        for peer in ["10.77.200.27", "10.77.200.99"] {
            let whole = of("j-names.pcapng", &|_| false, peer);
            assert!(whole.iter().all(|(verdict, ..)| *verdict != Verdict::Expected) && !whole.is_empty(), "{peer}");
            let lost = |frame: &Owned| {
                is_before_secrets(frame) || packet(frame).is_some_and(|(a, b, _)| a.port == 53 || b.port == 53)
            };
            let left = of("j-names.pcapng", &lost, peer);
            assert!(!left.is_empty() && left.iter().all(|left| *left == nameless), "{peer}: {left:?}");
        }
    }

    /// Whether a frame belongs to the start of a TLS connection: it opens it, or carries no sealed record in front.
    fn is_before_secrets(frame: &Owned) -> bool {
        let frame = frame.frame();
        let Ok(datagram) = decode(&frame) else { return false };
        let Content::Tcp(segment) = &datagram.content else { return false };
        segment.flags.any(TcpFlags::SYN) || !matches!(segment.payload, [0x17, 3, 3, ..])
    }

    #[test]
    fn a_cleared_flow_is_told() {
        let Some(lab) = crate::shared::folder("lab") else { return };
        let frames = crate::frames::read(&lab.join("captures/a-clean.pcap")).unwrap();
        let matrix = Matrix::load(&Site::load(&lab.join("site.toml").to_string_lossy()).unwrap()).unwrap();
        let after = judged(observe(frames.iter()), &matrix);
        let before: Vec<Judged> = after.iter().map(|(flow, _)| (flow.clone(), Verdict::Unresolved)).collect();
        assert!(cleared(&before, &after).len() > 50);
        assert!(cleared(&after, &after).is_empty());
    }
}
