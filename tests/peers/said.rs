//! What other programs say of the flows of a capture: files in, one fact each out; nothing is
//! compared here.
//!
//! Of Zeek's `ldap.log`, `ldap_search.log` and `dce_rpc.log` what the program says too is taken: the
//! application, who asks whom, and the interface. Message numbers, versions, operations, results, objects
//! and arguments of LDAP, and operations, pipes and round trips of RPC have nothing here to be held against:
//! the bytes of a flow are let go once its application is known, and no row of a matrix speaks of an
//! operation. Those that are read (`ept_map`, activation, StartTLS as the first message) are compared by what
//! they lead to: the ports in `Announced`, and LDAP as the application in front of `ssl.log`.

use std::net::IpAddr;
use std::path::Path;

use flowaudit::dissect::{Application, name};
use serde_json::Value;

/// An address and a port.
pub type End = (IpAddr, u16);

/// One fact that another program states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A flow between two ends is one of these applications; an empty list for one that has no word here.
    Application { ends: [End; 2], word: String, one_of: &'static [Application] },
    /// A flow between two ends states this name, canonical.
    Name { ends: [End; 2], name: String },
    /// In a flow between two ends this one asks.
    Client { ends: [End; 2], word: String },
    /// A flow between two ends binds this RPC interface, by its short name.
    Interface { ends: [End; 2], name: String },
    /// A client asked a resolver for a name of this DNS type; the RCODE when it was answered.
    Asked { client: IpAddr, resolver: IpAddr, name: String, kind: u16, rcode: Option<u8> },
    /// A resolver gave a client this address.
    Resolved { client: IpAddr, resolver: IpAddr, address: IpAddr },
    /// A server announced a port of an interface to a client.
    Announced { client: IpAddr, server: IpAddr, interface: String, port: u16 },
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` cannot be read"))
}

/// What tshark says of names, look-ups and announced ports.
pub fn tshark(path: &Path) -> Result<Vec<Said>, String> {
    let facts: Value = serde_json::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    let list = |key: &str| facts[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let address = |row: &Value, key: &str| text(row, key).parse::<IpAddr>().ok();
    let ends = |row: &Value| {
        let flow = list(&text(row, "transport")).iter().find(|flow| flow["stream"] == row["stream"])?;
        let end =
            |side: &str| Some((address(flow, side)?, u16::try_from(flow[format!("{side}_port")].as_u64()?).ok()?));
        Some([end("a")?, end("b")?])
    };
    let named = |row: &Value, name: Option<String>| Some(Said::Name { ends: ends(row)?, name: name? });
    let mut said = Vec::new();
    said.extend(list("tls_sni").iter().filter_map(|row| named(row, name::from_text(text(row, "name").as_bytes()))));
    said.extend(list("http_hosts").iter().filter_map(|row| named(row, name::from_host(text(row, "name").as_bytes()))));
    said.extend(list("dns_answers").iter().filter(|row| row["protocol"] == "dns").filter_map(|row| {
        let (client, resolver) = (address(row, "client")?, address(row, "server")?);
        Some(Said::Resolved { client, resolver, address: address(row, "data")? })
    }));
    said.extend(list("epm_map").iter().filter_map(|row| {
        let port = u16::try_from(row["tcp_port"].as_u64()?).ok()?;
        let (client, server) = (address(row, "client")?, address(row, "server")?);
        Some(Said::Announced { client, server, interface: text(row, "uuid"), port })
    }));
    Ok(said)
}

/// What a log of `EXPECTED.csv` says of applications and names; nothing for the lists of other things.
pub fn peer(name: &str, what: &str, path: &Path) -> Result<Vec<Said>, String> {
    match name {
        "zeek" => zeek(what, &read(path)?),
        "ndpi" => ndpi(&read(path)?),
        _ => Ok(Vec::new()),
    }
}

/// A log of Zeek: tab-separated, the columns named by a `#fields` line or by the first line.
fn zeek(what: &str, log: &str) -> Result<Vec<Said>, String> {
    let mut fields: Vec<&str> = Vec::new();
    let mut said = Vec::new();
    for line in log.lines().filter(|line| !line.is_empty()) {
        if let Some(names) = line.strip_prefix("#fields\t").or(line.starts_with("ts\t").then_some(line)) {
            fields = names.split('\t').collect();
        } else if !line.starts_with('#') {
            let cells: Vec<&str> = line.split('\t').collect();
            let cell = |name: &str| {
                let index = fields.iter().position(|field| *field == name);
                index.and_then(|index| cells.get(index)).copied().filter(|cell| !["-", "(empty)"].contains(cell))
            };
            said.extend(zeek_line(what, &cell).map_err(|error| format!("{error} in: {line}"))?);
        }
    }
    Ok(said)
}

fn zeek_line<'l>(what: &str, cell: &dyn Fn(&str) -> Option<&'l str>) -> Result<Vec<Said>, String> {
    let end = |address: &str, port: &str| {
        let port = cell(port).map_or(Ok(0), parsed)?;
        Ok::<End, String>((parsed(cell(address).unwrap_or_default())?, port))
    };
    let ends = [end("id.orig_h", "id.orig_p")?, end("id.resp_h", "id.resp_p")?];
    let is = |one_of| Said::Application { ends, word: what.to_owned(), one_of };
    let named = |name: Option<String>| name.map(|name| Said::Name { ends, name });
    let canonical = |text: &str| name::from_text(text.as_bytes());
    let mut said = Vec::new();
    match what {
        "conn" => {
            let services: Vec<&str> = cell("service").unwrap_or_default().split(',').collect();
            let known = services.iter().find_map(|service| Some((service, zeek_service(service)?)));
            said.extend(known.map(|(word, one_of)| Said::Application { ends, word: (*word).to_owned(), one_of }));
        }
        "http" => {
            said.push(is(&[Application::Http, Application::Winrm, Application::Ssdp]));
            said.extend(named(cell("host").and_then(|host| name::from_host(host.as_bytes()))));
        }
        // TLS may begin inside another protocol.
        "ssl" => {
            use Application::{Https, Ldap, Quic, Smtp, Tls};
            said.push(is(&[Tls, Https, Quic, Ldap, Smtp]));
            said.extend(named(cell("server_name").and_then(canonical)));
        }
        "quic" => {
            said.push(is(&[Application::Quic]));
            said.extend(named(cell("server_name").and_then(canonical)));
        }
        "ldap" | "ldap_search" => {
            said.push(is(&[Application::Ldap, Application::Cldap]));
            said.push(Said::Client { ends, word: what.to_owned() });
        }
        // A ticket may be shown inside SMB.
        "kerberos" => said.push(is(&[Application::Kerberos, Application::Kpasswd, Application::Smb])),
        "smb_mapping" => said.push(is(&[Application::Smb])),
        "dce_rpc" => {
            said.push(is(&[Application::Dcerpc, Application::Epm, Application::Smb]));
            said.push(Said::Client { ends, word: what.to_owned() });
            let interface = cell("endpoint").map(|name| zeek_interface(name).to_owned());
            said.extend(interface.map(|name| Said::Interface { ends, name }));
        }
        "dns" => said.extend(zeek_dns(ends, cell)?),
        "tunnel" => {}
        other => return Err(format!("a log of {other} is not known here")),
    }
    Ok(said)
}

/// A line of `dns.log`, which has multicast DNS, LLMNR and NetBIOS in it too.
fn zeek_dns<'l>(ends: [End; 2], cell: &dyn Fn(&str) -> Option<&'l str>) -> Result<Vec<Said>, String> {
    let one_of: &[Application] = match ends[1].1 {
        53 => &[Application::Dns],
        5353 => &[Application::Mdns],
        5355 => &[Application::Llmnr],
        _ => &[Application::Netbios],
    };
    let mut said = vec![Said::Application { ends, word: "dns".to_owned(), one_of }];
    let question = cell("query").and_then(|query| name::from_text(query.as_bytes())).zip(cell("qtype"));
    if let (53, Some((name, kind))) = (ends[1].1, question) {
        let (client, resolver) = (ends[0].0, ends[1].0);
        let rcode = cell("rcode").map(parsed).transpose()?;
        said.push(Said::Asked { client, resolver, name, kind: parsed(kind)?, rcode });
        let answers = cell("answers").unwrap_or_default().split(',').filter_map(|answer| answer.parse().ok());
        said.extend(answers.map(|address| Said::Resolved { client, resolver, address }));
    }
    Ok(said)
}

/// Our applications for a word in the `service` column of `conn.log`; `None` for tunnels and for what is
/// carried inside another application.
fn zeek_service(word: &str) -> Option<&'static [Application]> {
    Some(match word {
        "dns" => &[Application::Dns, Application::Mdns, Application::Llmnr, Application::Netbios],
        "http" => &[Application::Http, Application::Winrm],
        "ssl" => &[Application::Tls, Application::Https],
        "quic" => &[Application::Quic],
        "ntp" => &[Application::Ntp],
        "ssh" => &[Application::Ssh],
        "dhcp" => &[Application::Dhcp],
        "smtp" => &[Application::Smtp],
        "smb" => &[Application::Smb],
        "ldap_tcp" => &[Application::Ldap],
        "ldap_udp" => &[Application::Cldap],
        "dce_rpc" => &[Application::Dcerpc, Application::Epm],
        _ => return None,
    })
}

/// Our short name for an interface that Zeek calls otherwise.
fn zeek_interface(name: &str) -> &str {
    match name {
        "epmapper" => "epm",
        "exchange_mapi" => "emsmdb",
        other => other,
    }
}

/// nDPI's flow lines: `1 TCP A:1 <-> B:2 [proto: 91.26/TLS.ntop]…[Confidence: DPI]…[Hostname/SNI: NAME]`.
fn ndpi(text: &str) -> Result<Vec<Said>, String> {
    let mut said = Vec::new();
    for line in text.lines().filter(|line| line.contains("[Confidence: DPI]")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(&"TCP" | &"UDP"), Some(a), Some(b)) = (words.get(1), words.get(2), words.get(4)) else { continue };
        let ends = [socket(a)?, socket(b)?];
        let field = |name: &str| line.split_once(name)?.1.split_once(']').map(|(value, _)| value);
        let protocol = field("[proto: ").and_then(|value| value.rsplit_once('/')).map_or("", |(_, name)| name);
        let master = protocol.split('.').next().unwrap_or_default();
        let one_of = ndpi_protocol(master);
        said.push(Said::Application { ends, word: master.to_owned(), one_of });
        if ["TLS", "QUIC"].contains(&master)
            && let Some(name) = field("[Hostname/SNI: ").and_then(|name| name::from_text(name.as_bytes()))
        {
            said.push(Said::Name { ends, name });
        }
    }
    Ok(said)
}

fn socket(text: &str) -> Result<End, String> {
    let (address, port) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` has no port"))?;
    Ok((parsed(address.trim_start_matches('[').trim_end_matches(']'))?, parsed(port)?))
}

/// Our applications for a protocol of nDPI; none for one that has no word here.
fn ndpi_protocol(name: &str) -> &'static [Application] {
    match name {
        "DNS" => &[Application::Dns],
        "MDNS" => &[Application::Mdns],
        "LLMNR" => &[Application::Llmnr],
        "NetBIOS" => &[Application::Netbios, Application::Smb],
        "SMBv1" | "SMBv23" => &[Application::Smb],
        "TLS" => &[Application::Tls, Application::Https],
        "QUIC" => &[Application::Quic],
        "HTTP" => &[Application::Http, Application::Winrm],
        "Kerberos" => &[Application::Kerberos, Application::Kpasswd],
        "LDAP" => &[Application::Ldap, Application::Cldap],
        "MsSQL-TDS" => &[Application::Tds],
        "DCERPC" => &[Application::Dcerpc, Application::Epm],
        "DHCP" => &[Application::Dhcp],
        "DHCPV6" => &[Application::Dhcpv6],
        "NTP" => &[Application::Ntp],
        "SSH" => &[Application::Ssh],
        "RDP" => &[Application::Rdp],
        "SMTP" => &[Application::Smtp],
        "SSDP" => &[Application::Ssdp],
        "WSD" => &[Application::Wsd],
        "SNMP" => &[Application::Snmp],
        "Syslog" => &[Application::Syslog],
        "FTP_CONTROL" => &[Application::Ftp],
        "TFTP" => &[Application::Tftp],
        "IPSec" => &[Application::Ike],
        "STUN" => &[Application::Stun],
        _ => &[],
    }
}
