//! The one list of application names: packs, flow logs and recognisers all use these words.

macro_rules! applications {
    ($($variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// An application protocol that a pack can name and a recogniser can prove.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Application { $(#[doc = $doc] $variant),+ }

        impl Application {
            /// Every application, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The lower-case word used in packs and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

applications! {
    Tls "tls" "TLS (RFC 8446), whatever is inside.",
    Https "https" "HTTP over TLS: on the wire any TLS hello whose ALPN does not name something else.",
    Quic "quic" "QUIC v1 and v2 (RFC 9000, RFC 9369).",
    Http "http" "HTTP/1.x or HTTP/2 in clear (RFC 9112, RFC 9113).",
    Dns "dns" "DNS over UDP or TCP (RFC 1035).",
    Mdns "mdns" "Multicast DNS (RFC 6762).",
    Llmnr "llmnr" "Link-local multicast name resolution (RFC 4795).",
    Netbios "netbios" "NetBIOS name, datagram and session service (RFC 1001, RFC 1002).",
    Ldap "ldap" "LDAP (RFC 4511).",
    Cldap "cldap" "Connection-less LDAP (MS-ADTS 6.3.3).",
    Gc "gc" "Global catalog: LDAP on the wire (MS-ADTS 3.1.1.3).",
    Kerberos "kerberos" "Kerberos (RFC 4120).",
    Kpasswd "kpasswd" "Kerberos change password (RFC 3244).",
    Epm "epm" "DCE/RPC endpoint mapper (C706, MS-RPCE).",
    Dcerpc "dcerpc" "DCE/RPC, connection oriented (C706, MS-RPCE).",
    Smb "smb" "SMB 1, 2 and 3 over TCP (MS-CIFS, MS-SMB2).",
    Tds "tds" "SQL Server (MS-TDS), TDS 8 inside TLS included.",
    Ssrp "ssrp" "SQL Server resolution (MC-SQLR).",
    Ntp "ntp" "NTP and MS-SNTP (RFC 5905).",
    Dhcp "dhcp" "DHCP (RFC 2131).",
    Dhcpv6 "dhcpv6" "DHCP for IPv6 (RFC 8415).",
    Ssh "ssh" "SSH (RFC 4253).",
    Rdp "rdp" "Remote desktop (MS-RDPBCGR).",
    Smtp "smtp" "SMTP (RFC 5321).",
    Winrm "winrm" "WS-Management (HTTP on the wire, MS-WSMV).",
    Adws "adws" "Active Directory web services (MC-NMF framing, MS-ADDM).",
    Ssdp "ssdp" "Simple service discovery (UPnP).",
    Wsd "wsd" "WS-Discovery (SOAP over UDP).",
    Snmp "snmp" "SNMP (RFC 3416).",
    Syslog "syslog" "Syslog (RFC 5424).",
    Ftp "ftp" "FTP control connection (RFC 959).",
    Tftp "tftp" "TFTP (RFC 1350).",
    Ike "ike" "IKE and its NAT traversal (RFC 7296).",
    Stun "stun" "STUN (RFC 8489).",
    Icmp "icmp" "ICMP and ICMPv6 messages.",
}

impl Application {
    /// The application with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|application| application.name() == name)
    }

    /// Whether bytes that prove `self` fulfil a row that documents `documented`: equal, or the
    /// documented word is a use of the same protocol (`gc` is LDAP, `https` is TLS, `epm` is DCE/RPC, multicast DNS
    /// and LLMNR are DNS messages).
    #[must_use]
    pub const fn fulfils(self, documented: Self) -> bool {
        matches!(
            (self, documented),
            (Self::Tls | Self::Https, Self::Https | Self::Tls)
                | (Self::Ldap, Self::Gc | Self::Ldap)
                | (Self::Gc, Self::Ldap)
                | (Self::Epm, Self::Dcerpc | Self::Epm)
                | (Self::Dcerpc, Self::Epm)
                | (Self::Http | Self::Winrm, Self::Http | Self::Winrm)
                | (Self::Dns | Self::Mdns | Self::Llmnr, Self::Dns | Self::Mdns | Self::Llmnr)
        ) || self as u8 == documented as u8
    }
}
