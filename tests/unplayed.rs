//! An audit that knows nothing but the subject: no documented service and none of the baseline is called
//! unexpected because nobody said who plays its role.
#![forbid(unsafe_code)]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod subject_alone {

    use flowaudit::audit::{self, Verdict};
    use flowaudit::ledger::{Ledger, Options};
    use flowaudit::matrix::{Matrix, Site};
    use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

    const OWN: [u8; 4] = [10, 77, 10, 5];
    const CONTROLLER: [u8; 4] = [10, 77, 10, 11];
    /// Of a complete site, everybody else.
    const OTHERS: &str = "global-catalogs='10.77.10.11'\njit-targets='10.77.10.31'\nagents='10.77.20.0/24'\n\
                          web-users='10.77.30.0/24'\nsql-server='10.77.40.20'\noidc-provider='sts.example'\n";

    fn matrix(roles: &str) -> Matrix {
        let text = "[site]\npacks=['ams']\nbaseline=['windows-member','link-noise']\nvantage='ams-server'\n\
                    [roles]\nams-server='10.77.10.5'\n";
        Matrix::load(&Site::parse("unplayed", &format!("{text}{roles}")).unwrap()).unwrap()
    }

    /// The verdict on one packet of the subject to `to`, and on the answer to an echo or a question of time.
    fn verdict(matrix: &Matrix, protocol: u8, port: u16, to: [u8; 4], payload: &[u8]) -> Verdict {
        let head = |from: u16, to: u16| {
            [from, to, u16::try_from(payload.len() + 8).unwrap(), 0].map(u16::to_be_bytes).concat()
        };
        let content = if protocol == 17 { [head(50_000, port), payload.to_vec()].concat() } else { payload.to_vec() };
        let length = u16::try_from(content.len() + 20).unwrap().to_be_bytes();
        let bytes = [&[0x45, 0], &length[..], &[0, 1, 0, 0, 128, protocol, 0, 0], &OWN, &to, &content].concat();
        let mut ledger = Ledger::new(Options::default());
        ledger.observe(&Frame {
            at: Timestamp::default(),
            link: LinkType(101),
            tap: 0,
            place: FrameRef { input: 0, number: 1 },
            bytes: &bytes,
            wire_length: u32::try_from(bytes.len()).unwrap(),
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        });
        audit::judge(&ledger.settle(), matrix).flows.get(0).unwrap().verdict
    }

    fn time_asked() -> Vec<u8> {
        let mut asked = vec![0x1b];
        asked.resize(48, 0);
        asked
    }

    const ECHO: &[u8] = b"\x08\0\0\0\0\x01\0\x01abcdefghijklmnop";

    #[test]
    fn time_and_echo_of_a_controller_whom_nobody_named() {
        let (alone, complete) = (matrix(""), matrix(&format!("domain-controllers='10.77.10.11'\n{OTHERS}")));
        let stranger = [10, 77, 50, 66];
        for (what, protocol, port, payload) in [("ntp", 17, 123, &time_asked()[..]), ("echo", 1, 0, ECHO)] {
            assert_eq!(verdict(&alone, protocol, port, CONTROLLER, payload), Verdict::Unresolved, "{what}");
            assert_eq!(verdict(&complete, protocol, port, CONTROLLER, payload), Verdict::Baseline, "{what}");
            assert_eq!(verdict(&complete, protocol, port, stranger, payload), Verdict::Unexpected, "{what}");
        }
        // A service that no row has is nobody's, whoever plays what.
        assert_eq!(verdict(&alone, 17, 9999, CONTROLLER, b"whatever this is"), Verdict::Unexpected);
        let nobody = matrix(&format!("ntp-servers=[]\ndomain-controllers='10.77.10.12'\n{OTHERS}"));
        assert_eq!(verdict(&nobody, 17, 123, CONTROLLER, &time_asked()), Verdict::Unexpected, "said to be nobody");
    }

    /// Rows whose feature is off aside, everything that a clean capture holds waits for a role.
    #[test]
    fn a_clean_capture_accuses_nobody_for_want_of_a_role() {
        let Some(lab) = crate::shared::folder("lab/captures") else { return };
        let mut ledger = Ledger::new(Options::default());
        for frame in crate::frames::read(&lab.join("a-clean.pcap")).unwrap().iter() {
            ledger.observe(&frame.frame());
        }
        let seen = ledger.settle();
        let features = "[features]\nentra=true\noidc=true\nexternal-sql=true\njit=true\n";
        let judged = audit::judge(&seen, &matrix(features)).flows;
        let accused = seen.flows.iter().zip(&judged).filter(|(_, verdict)| verdict.verdict == Verdict::Unexpected);
        let accused: Vec<String> =
            accused.map(|(flow, _)| format!("{}/{}", flow.responder().address, flow.responder().port)).collect();
        assert!(accused.is_empty(), "{accused:?}");
        let ports = [53, 88, 123, 135, 389, 445, 3268];
        let waiting = seen.flows.iter().zip(&judged).filter(|(flow, _)| ports.contains(&flow.responder().port));
        assert!(
            waiting.clone().count() > 40 && waiting.clone().all(|(_, verdict)| verdict.verdict == Verdict::Unresolved)
        );
    }
}
