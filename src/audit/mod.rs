//! What was seen against what is documented: [`judge`] gives every flow its verdict and every row
//! its status. Pure: no files, no clock, no packets.

mod model;

pub use model::{
    Answer, AtomResult, Audit, EvidenceRef, Finding, FlowVerdict, InputEntry, Kind, Nearest, NextStep, PackEntry,
    PeerResult, Quality, RowResult, RowStatus, SiteEntry, Tool, Totals, Verdict, WaiverResult,
};
