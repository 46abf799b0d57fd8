//! The examples and notes under the help texts. Words alone: no argument is defined here.

/// Under the short help of the program.
pub const EXAMPLES: &str = "\
Examples:
  flowaudit audit --role ams-server=10.0.0.5 server.pcap
  flowaudit site init server.pcap > site.toml        guess who is who, for you to correct
  flowaudit audit -s site.toml server.pcapng
  flowaudit matrix show ams                          what the shipped matrix allows";

/// Under its long help.
pub const AFTER_LONG_HELP: &str = "\
Examples:
  flowaudit audit --role ams-server=10.0.0.5 server.pcap
  flowaudit site init server.pcap > site.toml        guess who is who, for you to correct
  flowaudit audit -s site.toml server.pcapng
  flowaudit matrix show ams                          what the shipped matrix allows

Exit codes:
  0  nothing to report, and the evidence is complete
  1  findings
  2  could not run, or could not write a report
  3  no findings, but the evidence is incomplete

The last line on standard error says why the exit code is what it is.";

/// Under the short help of `audit`.
pub const AUDIT_EXAMPLES: &str = "\
Examples:
  flowaudit audit --role ams-server=10.0.0.5 server.pcap        one server, the rest unknown
  flowaudit audit -s site.toml 'rotated-*.pcap.gz'              rotated files, in order of time
  tcpdump -w - host 10.0.0.5 | flowaudit audit -s site.toml -   from a pipe, until it closes
  flowaudit audit -s site.toml -f 'not port 22' server.pcap     without the packets of port 22
  flowaudit audit -s site.toml -q --json a.json --flows f.csv server.pcap";

/// Under its long help.
pub const AUDIT_LONG_HELP: &str = "\
Examples:
  flowaudit audit --role ams-server=10.0.0.5 server.pcap        one server, the rest unknown
  flowaudit audit -s site.toml 'rotated-*.pcap.gz'              rotated files, in order of time
  tcpdump -w - host 10.0.0.5 | flowaudit audit -s site.toml -   from a pipe, until it closes
  flowaudit audit -s site.toml -f 'not port 22' server.pcap     without the packets of port 22
  flowaudit audit -s site.toml -q --json a.json --flows f.csv server.pcap

A site file says who is who:
  [site]
  name = \"corp.example\"
  packs = [\"ams\"]
  baseline = [\"windows-member\", \"link-noise\"]
  vantage = \"ams-server\"
  [roles]
  ams-server = [\"10.0.0.5\"]
  domain-controllers = [\"10.0.0.10-10.0.0.11\"]

Outputs appear whole or not at all; an old file stays when the new one cannot be written.

Exit codes:
  0  nothing to report, and the evidence is complete
  1  findings (of at least the gravity of --fail-on)
  2  could not run, or could not write a report
  3  no findings, but the evidence is incomplete: no packets, packets lost, a file cut short,
     flows that could not be decided, rows whose time is not over or that nobody plays, Ctrl-C";

/// Under the help of `matrix explain`.
pub const EXPLAIN_EXAMPLES: &str = "\
Examples:
  flowaudit matrix explain 'tcp 10.0.0.5:50000 -> 10.0.0.9:389' -s site.toml
  flowaudit matrix explain 'tcp 10.0.0.5:50000 -> 10.0.9.9:443 https graph.microsoft.com' -s site.toml
  flowaudit matrix explain --flow 17 -s site.toml server.pcap   a line of the flow log";

/// Under the help of `site init`.
pub const SITE_EXAMPLES: &str = "\
Examples:
  flowaudit site init server.pcap > site.toml                   then read it, every line
  flowaudit site init --role ams-server=10.0.0.5 mirror.pcapng -o site.toml
  flowaudit site check site.toml                                what an audit would lack

Nothing that it guesses is used unread: the site begins as a draft, and no audit accepts a draft.";

/// Under the help of `report`.
pub const REPORT_EXAMPLES: &str = "\
Examples:
  flowaudit report audit.json                        on the terminal
  flowaudit report audit.json --markdown ticket.md
  flowaudit report audit.json --html page.html       to look at, send and print
  flowaudit report --schema                          the JSON Schema of the audit";
