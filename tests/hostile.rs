//! A capture and a site whose author tries to reach whoever reads the report: names with markup, quotes,
//! bidirectional controls, terminal escapes, formulas and 255 bytes, in DNS, in hellos, in `Host` fields, in
//! file names and in the site. Every form has the same structure as with harmless names, and nothing alive.
#![forbid(unsafe_code)]

#[path = "support/forge.rs"]
mod forge;

#[cfg(test)]
mod hostile {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use flowaudit::report::escape;

    use super::forge::{End, Forged};

    /// What an attacker puts where a label is expected; no dot, which would begin another label.
    const LABELS: &[&str] = &[
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'\"`$(id)`;--",
        "</title></style></svg><b>",
        "\u{202e}gpj\u{202c}exe\u{2066}\u{200f}",
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1\r\n",
        "[x](http://evil)|*_`",
        "&lt;&#60;{{7*7}}%n%s",
        "\u{0}nul\u{ff1d}1",
        "]]><x><!--",
    ];
    const CLIENT: [u8; 4] = [10, 77, 10, 5];
    const RESOLVER: End = ([10, 77, 10, 11], 53);

    /// The label `number` of the hostile or of the harmless capture.
    fn label(number: usize, hostile: bool) -> Vec<u8> {
        let text = LABELS[number % LABELS.len()];
        if hostile {
            return text.as_bytes().to_vec();
        }
        // As long as the hostile one is once it is written out, so that it fills the same room.
        let written = |byte: u8| if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) { 1 } else { 4 };
        let length: usize = text.bytes().map(written).sum();
        format!("{number:02}{}", "h".repeat(length.clamp(3, 63) - 2)).into_bytes()
    }

    /// Labels of one name; the last one of the list has 255 octets on the wire.
    fn name(number: usize, hostile: bool) -> Vec<Vec<u8>> {
        if number < LABELS.len() {
            return vec![label(number, hostile), b"evil".to_vec(), b"test".to_vec()];
        }
        let byte = if hostile { b'<' } else { b'x' };
        vec![vec![byte; 63], vec![byte; 63], vec![byte; 63], vec![byte; 61]]
    }

    fn on_the_wire(name: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in name {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label);
        }
        bytes.push(0);
        bytes
    }

    fn question(id: u8, name: &[Vec<u8>]) -> Vec<u8> {
        [&[0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &on_the_wire(name), &[0, 1, 0, 1]].concat()
    }

    fn answer(id: u8, name: &[Vec<u8>], address: [u8; 4]) -> Vec<u8> {
        let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4];
        let head = [0, id, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        [&head[..], &on_the_wire(name), &[0, 1, 0, 1], &record, &address].concat()
    }

    fn counted(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    }

    /// A TLS client hello (RFC 8446 section 4.1.2) with this server name (RFC 6066 section 3).
    fn hello(name: &[u8]) -> Vec<u8> {
        let list = counted(&[&[0][..], &counted(name)].concat());
        let extensions = counted(&[&[0, 0][..], &counted(&list)].concat());
        let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &extensions].concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let handshake = [&[1][..], &length[1..], &body].concat();
        [&[22, 3, 1][..], &counted(&handshake)].concat()
    }

    /// For each name: asked for and answered, then a connection whose hello says it, one whose `Host`
    /// field says it, and one to an address that was given for another name.
    fn capture(hostile: bool) -> Vec<u8> {
        let mut forged = Forged::default();
        for number in 0..=LABELS.len() {
            let (name, low) = (name(number, hostile), u8::try_from(number).unwrap());
            let said = name.join(&b'.');
            let port = 40_000 + u16::from(low) * 10;
            let (cloud, asks) = ([203, 0, 113, low], (CLIENT, port));
            forged.udp(asks, RESOLVER, &question(low, &name));
            forged.udp(RESOLVER, asks, &answer(low, &name, cloud));
            let server_hello = [22, 3, 3, 0, 4, 2, 0, 0, 0];
            forged.connection((CLIENT, port + 1), (cloud, 443), &hello(&said), &server_hello);
            // What ends a field or a host name in HTTP cannot be part of a name there.
            let ends = LABELS.get(number).is_some_and(|label| label.contains([':', '\r', '\n', '[']));
            let host = if ends { b"plain.evil.test".to_vec() } else { said.clone() };
            let request = [b"GET / HTTP/1.1\r\nHost: ", &host[..], b"\r\n\r\n"].concat();
            forged.connection((CLIENT, port + 2), (cloud, 80), &request, b"HTTP/1.1 200 OK\r\n\r\n");
            let other = ([203, 0, 113, (low + 1) % 16], 443);
            forged.connection((CLIENT, port + 3), other, &hello(&said), &server_hello);
        }
        forged.pcap()
    }

    /// A site whose name, waiver and players are labels, too.
    fn site(hostile: bool) -> String {
        let text = |number| {
            let label = String::from_utf8(label(number, hostile)).unwrap();
            let escaped = |c: char| match c {
                '"' | '\\' => format!("\\{c}"),
                c if c.is_control() || escape::is_hostile(c) => format!("\\u{:04X}", u32::from(c)),
                c => c.to_string(),
            };
            label.chars().map(escaped).collect::<String>()
        };
        format!(
            "[site]\nname = \"{}{}{}\"\npacks = [\"ams\"]\nbaseline = [\"windows-member\"]\nvantage = \"ams-server\"\n\
             window = \"0s\"\n[roles]\nams-server = [\"10.77.10.5\"]\ndomain-controllers = [\"10.77.10.11\"]\n\
             [[waiver]]\nfrom = \"10.77.10.5\"\nto = \"203.0.113.3\"\nservice = \"tcp/80\"\nreason = \"{}{}\"\n\
             owner = \"{}\"\nexpires = 2020-01-01\n",
            text(6),
            text(0),
            text(5),
            text(4),
            text(7),
            text(9),
        )
    }

    const FORMS: &[&str] =
        &["json", "csv", "html", "markdown", "junit", "sarif", "oscal", "flows.csv", "flows.jsonl", "terminal", "diff"];

    /// Every form of the audit, and what goes to the terminal.
    fn forms(hostile: bool) -> BTreeMap<&'static str, String> {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        // A file name can hold anything but a slash.
        let captured = if hostile { "=<b>\u{202e}\u{1b}[31m'\"&.pcap" } else { "harmless.pcap" };
        fs::write(at(captured), capture(hostile)).unwrap();
        fs::write(at("site.toml"), site(hostile)).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
            let output = command.current_dir(&room).args(words).args(["--color", "never"]).output().unwrap();
            let said =
                [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
            assert!(matches!(output.status.code(), Some(0 | 1)), "{words:?}: {said}");
            said
        };
        let mut words = vec!["audit", captured, "-s", "site.toml", "-v", "--width", "100", "--flows", "flows.csv"];
        let named =
            ["json", "csv", "html", "markdown", "junit", "sarif", "oscal"].map(|form| (format!("--{form}"), form));
        for (option, form) in &named {
            words.extend([option.as_str(), form]);
        }
        let mut found = BTreeMap::from([("terminal", run(&words))]);
        run(&["audit", captured, "-s", "site.toml", "-q", "--flows", "flows.jsonl", "--json", "again.json"]);
        let nothing = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/clean.json");
        found.insert("diff", run(&["diff", nothing.to_str().unwrap(), "json", "--width", "100"]));
        for form in FORMS.iter().filter(|form| !["terminal", "diff"].contains(form)) {
            found.insert(form, fs::read_to_string(at(form)).unwrap());
        }
        found
    }

    /// How often each element occurs; the order of rows follows the names.
    fn tags(markup: &str) -> BTreeMap<&str, usize> {
        let mut tags = BTreeMap::new();
        for tag in markup.split('<').skip(1).filter_map(|rest| rest.split([' ', '>', '\n']).next()) {
            *tags.entry(tag).or_default() += 1;
        }
        tags
    }

    /// How often each key of a document occurs, however deep.
    fn keys(text: &str) -> BTreeMap<String, usize> {
        fn below(value: &serde_json::Value, found: &mut BTreeMap<String, usize>) {
            value.as_array().into_iter().flatten().for_each(|value| below(value, found));
            for (key, value) in value.as_object().into_iter().flatten() {
                *found.entry(key.clone()).or_default() += 1;
                below(value, found);
            }
        }
        let mut found = BTreeMap::new();
        below(&serde_json::from_str(text).unwrap_or_else(|fault| panic!("{fault}: {text}")), &mut found);
        found
    }

    #[test]
    fn names_from_packets_change_no_structure_and_live_nowhere() {
        let (hostile, harmless) = (forms(true), forms(false));
        for (form, text) in &hostile {
            let live = text.chars().find(|character| *character != '\n' && escape::is_hostile(*character));
            assert_eq!(live, None, "{form}");
            assert!(text.contains("script") || *form == "diff", "{form} does not show the names");
        }
        for form in ["html", "junit"] {
            assert_eq!(tags(&hostile[form]), tags(&harmless[form]), "{form}");
        }
        for form in ["json", "sarif", "oscal"] {
            assert_eq!(keys(&hostile[form]), keys(&harmless[form]), "{form}");
        }
        let markdown = &hostile["markdown"];
        assert!(!markdown.contains('<') && !markdown.replace("\\]", "").contains("]("), "{markdown}");
        assert!(!markdown.contains("://evil") && !markdown.contains("@SUM"), "{markdown}");
        let cells = |text: &str| markdown_cells(text);
        assert_eq!(cells(markdown), cells(&harmless["markdown"]));
        for form in ["csv", "flows.csv"] {
            let mut rows = csv::Reader::from_reader(hostile[form].as_bytes());
            for cell in rows.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()) {
                let first = cell.trim_start().chars().next();
                // A number may begin with its sign.
                let formula = first.is_some_and(|first| "=+-@\t\r\u{ff1d}".contains(first));
                assert!(!formula || cell.parse::<f64>().is_ok(), "{form}: {cell}");
            }
        }
        for (one, other) in hostile["flows.jsonl"].lines().zip(harmless["flows.jsonl"].lines()) {
            assert_eq!(keys(one), keys(other));
        }
        let lines = |text: &str| text.lines().count();
        for form in ["flows.csv", "flows.jsonl"] {
            assert_eq!(lines(&hostile[form]), lines(&harmless[form]), "{form}");
        }
        // The page names the whole of a name of 255 octets, or says how much is missing.
        assert!(hostile["html"].contains("\\x3c\\x3c\\x3c") || hostile["html"].contains("&lt;&lt;&lt;"));
    }

    /// How many columns each row of each table has, sorted.
    fn markdown_cells(text: &str) -> Vec<usize> {
        let rows = text.lines().filter(|line| line.starts_with('|'));
        let mut counts: Vec<usize> = rows.map(|row| row.replace("\\|", "").matches('|').count()).collect();
        counts.sort_unstable();
        counts
    }
}
