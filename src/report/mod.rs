//! An audit in, the forms in which it leaves the house out. Every form is written from the
//! [`crate::audit::Audit`] document alone, except the flow log, which needs the flows. Never judges,
//! never reads a clock, and escapes whatever came from outside.

pub mod address;
pub mod alerts;
pub mod atomic;
pub mod bundle;
pub mod community;
pub mod csv;
pub mod diff;
pub mod escape;
pub mod events;
pub mod explain;
pub mod flows;
pub mod html;
pub mod journal;
pub mod json;
pub mod junit;
pub mod losses;
pub mod markdown;
mod markup;
pub mod metrics;
pub mod oscal;
pub mod packets;
pub mod portmap;
pub mod redact;
pub mod sarif;
pub mod schema;
pub mod site;
pub mod site_check;
pub mod steps;
pub mod syslog;
pub mod terminal;
pub mod words;
