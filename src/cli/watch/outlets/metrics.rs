//! A page of metrics in, a file that is replaced as a whole and answers to `GET /metrics` out. Served
//! between packets, a few connections at a time, none of them for long and none of them waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cli::exit::Failure;

/// Connections at a time; further ones wait in the system's queue.
const TOGETHER: usize = 8;
/// How long a connection may take.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes of a request that are read.
const REQUEST: usize = 4096;

/// Writes the page to a file. Whoever collects it may be another user, so anybody may read it.
pub(super) fn write(path: &Path, page: &str) -> io::Result<()> {
    let mut temporary = temporary(path)?;
    temporary.write_all(page.as_bytes())?;
    temporary.persist(path).map(drop).map_err(|fault| fault.error)
}

fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile<File>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The collector reads names that end in `.prom` only, and must not meet a page that is half there.
    tempfile::Builder::new().prefix(".flowaudit-").suffix(".tmp").make_in(directory, |path| {
        // For writing alone: a confined process may not read what it makes.
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)
    })
}

/// A listening address and its connections.
pub(super) struct Server {
    listener: TcpListener,
    open: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    begun: Instant,
    asked: Vec<u8>,
    answer: Option<Vec<u8>>,
    sent: usize,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken or not of this host.
    pub(super) fn open(address: SocketAddr) -> Result<Self, Failure> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let refused = |fault: io::Error| Failure::plain(format!("--metrics-listen {address}: {fault}; give another"));
        Ok(Self { listener: listen().map_err(refused)?, open: Vec::new() })
    }

    /// Takes and answers what has come, with the page that `page` makes when it is asked for.
    pub(super) fn serve(&mut self, mut page: impl FnMut() -> String) {
        while self.open.len() < TOGETHER {
            let Ok((stream, _)) = self.listener.accept() else { break };
            if stream.set_nonblocking(true).is_ok() {
                let begun = Instant::now();
                self.open.push(Connection { stream, begun, asked: Vec::new(), answer: None, sent: 0 });
            }
        }
        self.open.retain_mut(|connection| {
            connection.begun.elapsed() < LONGEST && matches!(connection.go_on(&mut page), Ok(false))
        });
    }
}

impl Connection {
    /// Reads and writes what goes without waiting; says whether it is done.
    fn go_on(&mut self, page: &mut impl FnMut() -> String) -> io::Result<bool> {
        if self.answer.is_none() && !self.read()? {
            return Ok(false);
        }
        let answer = self.answer.get_or_insert_with(|| answer(&self.asked, page));
        while let Some(rest) = answer.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Ok(true),
                Ok(written) => self.sent = self.sent.saturating_add(written),
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(fault) => return Err(fault),
            }
        }
        Ok(true)
    }

    /// Whether the request is there.
    fn read(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.asked.extend(bytes.iter().take(read)),
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(fault) => return Err(fault),
            }
            let is_whole = self.asked.windows(4).any(|four| four == b"\r\n\r\n");
            if is_whole || self.asked.len() > REQUEST {
                return Ok(true);
            }
        }
    }
}

fn answer(asked: &[u8], page: &mut impl FnMut() -> String) -> Vec<u8> {
    let line = asked.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let (status, kind, body) = match words.as_slice() {
        [b"GET", path, version] if version.starts_with(b"HTTP/1.") => match path.split(|byte| *byte == b'?').next() {
            Some(b"/metrics") => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", page()),
            Some(_) | None => ("404 Not Found", "text/plain", "It is at /metrics.\n".to_owned()),
        },
        [_, _, version] if version.starts_with(b"HTTP/1.") => {
            ("405 Method Not Allowed", "text/plain", "Only GET.\n".to_owned())
        }
        _ => ("400 Bad Request", "text/plain", "This is not HTTP/1.1.\n".to_owned()),
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Where the file of metrics is, and when it is due.
pub(super) struct Page {
    pub(super) path: PathBuf,
    pub(super) due: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &str, status: &str) {
        let mut server = Server::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut client = TcpStream::connect(server.listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        client.write_all(asked.as_bytes()).unwrap();
        let mut found = Vec::new();
        let begun = Instant::now();
        while !found.ends_with(b"\n") && begun.elapsed() < Duration::from_secs(5) {
            server.serve(|| "flowaudit_build_info 1\n".to_owned());
            let _ = client.read_to_end(&mut found);
        }
        let found = String::from_utf8(found).unwrap();
        assert!(found.starts_with(&format!("HTTP/1.1 {status} ")), "{asked:?}: {found}");
        assert_eq!(found.ends_with("flowaudit_build_info 1\n"), status == "200", "{found}");
        assert!(server.open.is_empty());
    }

    #[test]
    fn requests_are_answered() {
        check("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200");
        check("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200");
        check("GET / HTTP/1.1\r\n\r\n", "404");
        check("POST /metrics HTTP/1.1\r\n\r\n", "405");
        check("hello\r\n\r\n", "400");
        check(&"x".repeat(5000), "400");
    }

    #[test]
    fn connections_are_few_and_short() {
        let mut server = Server::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.listener.local_addr().unwrap();
        let clients: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
        server.serve(String::new);
        assert_eq!(server.open.len(), TOGETHER);
        server.open.iter_mut().for_each(|open| open.begun -= LONGEST);
        server.serve(String::new);
        assert_eq!(server.open.len(), 0);
        drop(clients);
    }
}
