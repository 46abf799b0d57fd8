//! A BPF expression and a frame in, whether it passes out. libpcap compiles the expression once
//! for each link type. It sees the captured bytes only, so `greater` and `less` go by the captured
//! length. Without the feature `live` every expression is refused.

use super::error::CaptureError;
use crate::wire::{Frame, LinkType};

#[cfg(feature = "live")]
type Program = pcap::BpfProgram;

#[cfg(not(feature = "live"))]
type Program = std::convert::Infallible;

/// A filter with its programs.
pub(super) struct Filter {
    expression: String,
    programs: Vec<(LinkType, Program)>,
}

impl Filter {
    /// A filter that compiles for each link type as it comes.
    pub(super) fn new(expression: &str) -> Self {
        Self { expression: expression.to_owned(), programs: Vec::new() }
    }

    /// Compiles the expression for `link` unless that was done before.
    pub(super) fn prepare(&mut self, link: LinkType) -> Result<(), CaptureError> {
        if self.program(link).is_none() {
            let program = compile(&self.expression, link)?;
            self.programs.push((link, program));
        }
        Ok(())
    }

    /// Whether the frame passes.
    pub(super) fn passes(&mut self, frame: &Frame<'_>) -> Result<bool, CaptureError> {
        self.prepare(frame.link)?;
        Ok(self.program(frame.link).is_some_and(|program| matches(program, frame.bytes)))
    }

    fn program(&self, link: LinkType) -> Option<&Program> {
        self.programs.iter().find(|(known, _)| *known == link).map(|(_, program)| program)
    }
}

#[cfg(feature = "live")]
fn compile(expression: &str, link: LinkType) -> Result<Program, CaptureError> {
    let refused = |error: &pcap::Error| CaptureError::Filter {
        expression: expression.to_owned(),
        link: link.0,
        reason: match error {
            pcap::Error::PcapError(reason) => reason.clone(),
            other => other.to_string(),
        },
    };
    let dead = pcap::Capture::dead(pcap::Linktype(data_link(link))).map_err(|error| refused(&error))?;
    dead.compile(expression, true).map_err(|error| refused(&error))
}

#[cfg(feature = "live")]
fn matches(program: &Program, bytes: &[u8]) -> bool {
    program.filter(bytes)
}

/// The number that libpcap knows a link type by inside a program (`DLT_…`), where it differs from
/// the number in files (`LINKTYPE_…`).
#[cfg(feature = "live")]
const fn data_link(link: LinkType) -> i32 {
    match link.0 {
        100 => 11, // ATM, RFC 1483
        101 => 12, // raw IP
        102 => 15, // SLIP of BSD/OS
        103 => 16, // PPP of BSD/OS
        106 => 19, // ATM, classical IP
        other => other as i32,
    }
}

#[cfg(not(feature = "live"))]
fn compile(expression: &str, _link: LinkType) -> Result<Program, CaptureError> {
    Err(CaptureError::FilterUnavailable { expression: expression.to_owned() })
}

#[cfg(not(feature = "live"))]
const fn matches(program: &Program, _bytes: &[u8]) -> bool {
    match *program {}
}
