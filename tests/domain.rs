//! The domain captures of the shared set, audited with their client as the subject and what is known
//! of their domain controllers: the findings of each, and on what its dynamic RPC flows rest, are
//! held against `golden/domain.txt` (`BLESS=1` writes it anew). What their table calls outside the
//! matrix must be told, nothing else may be, and every dynamic port of a controller has a grade: each
//! exception stands in `differences/captures.csv` with its reason.
#![forbid(unsafe_code)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod golden {

    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write;
    use std::path::Path;

    use flowaudit::audit::{self, FlowVerdict, Verdict};
    use flowaudit::flow::Conversation;
    use flowaudit::ledger::{Ledger, Observation, Options};
    use flowaudit::matrix::{Matrix, Site};
    use flowaudit::wire::Transport;

    /// A capture: its file, client and controller, further roles, and what is outside the matrix as
    /// `ORIGINATOR RESPONDER SERVICE`, where `*` is anybody.
    struct Case(
        &'static str,
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );

    const WEB: &[&str] = &["172.18.39.5 10.10.10.5 tcp/80"];
    /// Where workstations of the domain show beside the client, the site says that they are members.
    const MEMBERS: &[(&str, &str)] = &[("domain-members", "172.18.39.5-172.18.39.7,172.18.38.5")];
    const CLIENT: &str = "172.18.39.5";
    const CONTROLLER: &str = "172.18.38.5";

    const CASES: &[Case] = &[
        Case(
            "matrix/malcolm-eternalchampion.pcap",
            "10.1.75.167",
            "10.1.75.4",
            &[],
            &["* 10.1.75.1 tcp/445", "* 10.1.75.254 tcp/445", "* 200.29.24.36 tcp/8082", "* 31.179.162.86 tcp/443"],
        ),
        Case(
            "matrix/otrf-metasploit-logonpasswords-lsass-memory-dump.pcapng",
            "192.168.1.41",
            "192.168.1.4",
            &[],
            &[
                "* 10.0.5.13 tcp/80",
                "* 10.0.5.13 tcp/8080",
                "* 224.0.0.252 udp/5355",
                "* ff02::1:3 udp/5355",
                "* 239.255.255.250 udp/1900",
                "* 224.0.0.251 udp/5353",
                "* ff02::fb udp/5353",
                "* 192.168.1.255 udp/137",
            ],
        ),
        Case("matrix/otrf-empire-powerview-ldap-ntsecuritydescriptor.cap", CLIENT, CONTROLLER, &[], WEB),
        Case(
            "matrix/otrf-covenant-dcsync-dcerpc-drsuapi-ncchanges.cap",
            CLIENT,
            CONTROLLER,
            &[],
            &["172.18.39.5 10.10.10.5 tcp/80", "* 172.18.39.6 tcp/445"],
        ),
        Case(
            "matrix/otrf-purplesharp-ad-playbook-i.cap",
            CLIENT,
            CONTROLLER,
            MEMBERS,
            &["* 172.18.39.6 tcp/445", "* 172.18.39.7 tcp/445", "* 172.18.39.6 tcp/5985", "* 172.18.39.7 tcp/5985"],
        ),
        Case(
            "matrix/otrf-empire-find-localadmin-smb-svcctl-openscmanager.cap",
            CLIENT,
            CONTROLLER,
            MEMBERS,
            &["* 172.18.39.6 tcp/135", "* 172.18.39.6 tcp/49726", "* 10.10.10.5 tcp/80"],
        ),
        Case(
            "matrix/otrf-empire-smbexec-dcerpc-smb-svcctl-workstation5.cap",
            CLIENT,
            CONTROLLER,
            &[],
            &["* 172.18.39.6 tcp/445", "* 10.10.10.5 tcp/80"],
        ),
        Case(
            "matrix/otrf-empire-psexec-dcerpc-tcp-svcctl-workstation5.cap",
            CLIENT,
            CONTROLLER,
            &[],
            &["* 172.18.39.6 tcp/135", "* 172.18.39.6 tcp/49726", "* 10.10.10.5 tcp/80"],
        ),
        Case(
            "matrix/otrf-covenant-sharpwmi-create-dcerpc-wmi.cap",
            CLIENT,
            CONTROLLER,
            MEMBERS,
            &["* 172.18.39.6 tcp/135", "* 172.18.39.6 tcp/52419", "172.18.39.6 * tcp/80"],
        ),
        Case(
            "matrix/otrf-covenant-wmi-remote-event-subscription-ase-workstation6.cap",
            CLIENT,
            CONTROLLER,
            MEMBERS,
            &["* 172.18.39.6 tcp/135", "* 172.18.39.6 tcp/59570", "* 172.18.39.6 udp/137"],
        ),
        Case("matrix/otrf-covenant-ldap-searchrequest-domainuser.cap", CLIENT, CONTROLLER, &[], WEB),
        Case("matrix/otrf-covenant-getdomaingroup-ldap-searchrequest-domain-admins.cap", CLIENT, CONTROLLER, &[], WEB),
        Case("matrix/otrf-empire-shell-samr-enumdomainusers.cap", CLIENT, CONTROLLER, &[], WEB),
        Case("matrix/otrf-scranton.cap", "10.0.1.4", "10.0.0.4", &[], &["10.0.1.5 * tcp/5985"]),
        Case("matrix/samr-acl-0-1-userb1.pcapng", "192.168.2.11", "192.168.1.11", &[], &["192.168.10.101 * tcp/445"]),
        Case(
            "matrix/samr-powershell-evaluation-multiple-ps1.pcapng",
            "192.168.11.11",
            "192.168.12.11",
            &[],
            &["192.168.11.101 * tcp/9389", "* 192.112.36.4 udp/53", "* 192.203.230.10 udp/53"],
        ),
        Case(
            "matrix/samr-sharphound-domain-z.pcapng",
            "192.168.11.101",
            "192.168.12.11",
            &[],
            &["* 192.168.12.11 tcp/636"],
        ),
        Case("matrix/zerologon-cve-2020-1472-test-win2019.pcap", "172.16.0.10", "172.16.5.58", &[], &[]),
        Case("bulk/zerologon-cve-2020-1472-test-win2016.pcap", "172.16.0.10", "172.16.5.59", &[], &[]),
        Case("matrix/ndpi-teams.pcap", "192.168.1.6", "", &[("dns-servers", "192.168.1.1")], STRANGERS),
    ];

    /// Whom the names of `ndpi-teams` lead to, but for `login.microsoftonline.com`.
    const STRANGERS: &[&str] = &[
        "* 104.40.187.151 tcp/443",
        "* 13.107.18.11 tcp/443",
        "* 40.79.138.41 tcp/443",
        "* 52.113.194.132 tcp/443",
        "* 52.114.108.8 tcp/443",
        "* 52.114.15.45 tcp/443",
        "* 52.114.250.123 tcp/443",
        "* 52.114.250.152 tcp/443",
        "* 52.114.250.153 tcp/443",
        "* 52.114.75.69 tcp/443",
        "* 52.114.75.70 tcp/443",
        "* 52.114.76.48 tcp/443",
        "* 52.114.77.136 tcp/443",
        "* 52.114.77.33 tcp/443",
        "* 52.114.77.58 tcp/443",
        "* 52.114.88.59 tcp/443",
        "* 52.169.186.119 tcp/443",
        "* 167.99.215.164 tcp/4434",
    ];

    #[test]
    fn domain_captures() {
        let Some(folder) = crate::shared::folder("captures") else { return };
        let mut found = String::new();
        let differences: Vec<_> = CASES.iter().flat_map(|case| write(&mut found, &folder, case)).collect();
        let known = crate::differences::known_differences("domain").unwrap();
        let complaints = crate::differences::unexplained(&differences, &known, str::eq);
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/domain.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "domain.txt differs (BLESS=1 writes it anew):\n{found}");
    }

    /// Adds a capture to the page; gives what is outside and not told, what is told and not outside,
    /// and the dynamic ports without a grade.
    fn write(
        page: &mut String,
        folder: &Path,
        Case(file, client, controller, roles, outside): &Case,
    ) -> Vec<crate::differences::Difference> {
        let matrix = Matrix::load(&site(client, controller, roles)).unwrap();
        let seen = observe(&folder.join(file));
        let judged = audit::judge(&seen, &matrix).flows;
        let flows = || seen.flows.iter().zip(&judged);
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        let mut rested: BTreeMap<String, usize> = BTreeMap::new();
        let mut differences = BTreeSet::new();
        for (flow, verdict) in flows() {
            let (ends, called) = (ends(flow), verdict.verdict.name());
            if matches!(verdict.verdict, Verdict::Unexpected | Verdict::Mismatched | Verdict::Unresolved) {
                let kind = verdict.kind.map_or("", flowaudit::audit::Kind::name);
                *lines.entry(format!("{called} {kind}: {ends}")).or_default() += 1;
                if !outside.iter().any(|outside| fits(outside, &ends)) {
                    differences.insert(format!("{ends} is {called}"));
                }
            }
            if is_dynamic(flow, controller) {
                *rested.entry(grade(verdict)).or_default() += 1;
                if verdict.basis.is_none() {
                    differences.insert(format!("{ends} has no grade"));
                }
            }
        }
        for outside in *outside {
            let all = flows().filter(|(flow, _)| fits(outside, &ends(flow)));
            let called: BTreeSet<_> = all.map(|(_, verdict)| verdict.verdict).collect();
            if !called.iter().any(|verdict| matches!(verdict, Verdict::Unexpected | Verdict::Mismatched)) {
                let called: Vec<_> = called.into_iter().map(Verdict::name).collect();
                differences.insert(format!("{outside} is {}", called.join(", ")));
            }
        }
        let id = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let _ = writeln!(page, "{file}");
        for (line, count) in lines {
            let _ = writeln!(page, "  {count} {line}");
        }
        for (basis, count) in rested {
            let _ = writeln!(page, "  dynamic RPC, {basis}: {count}");
        }
        differences.into_iter().map(|what| (id.clone(), what)).collect()
    }

    fn site(client: &str, controller: &str, roles: &[(&str, &str)]) -> Site {
        let text = "[site]\npacks=['ams']\nbaseline=['windows-member','link-noise']\nvantage='ams-server'\n\
                    [features]\nentra=true\n";
        let mut site = Site::parse("domain", text).unwrap();
        site.bind("ams-server", client).unwrap();
        if !controller.is_empty() {
            site.bind("domain-controllers", controller).unwrap();
        }
        for (role, players) in roles {
            site.bind(role, players).unwrap();
        }
        site
    }

    fn observe(path: &Path) -> Observation {
        let mut ledger = Ledger::new(Options::default());
        crate::frames::read(path).unwrap().iter().for_each(|frame| ledger.observe(&frame.frame()));
        ledger.settle()
    }

    fn ends(flow: &Conversation) -> String {
        let transport = flow.transport.name().unwrap_or_default();
        format!("{} {} {transport}/{}", flow.originator().address, flow.responder().address, flow.responder().port)
    }

    fn fits(pattern: &str, line: &str) -> bool {
        let mut words = line.split(' ');
        pattern.split(' ').all(|wanted| words.next().is_some_and(|word| wanted == "*" || wanted == word))
    }

    fn is_dynamic(flow: &Conversation, controller: &str) -> bool {
        let served = flow.responder().address.to_string() == controller && flow.responder().port >= 49_152;
        flow.transport == Transport::TCP && served
    }

    /// On what a dynamic port rests; a verdict that is no match stands for itself.
    fn grade(verdict: &FlowVerdict) -> String {
        assert!(verdict.verdict != Verdict::OutOfScope);
        verdict.basis.map_or_else(|| verdict.verdict.name().to_owned(), |basis| basis.name().to_owned())
    }
}
