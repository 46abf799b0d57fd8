//! flowaudit reads packet captures, rebuilds the flows, holds each against a documented
//! allowed-flow matrix, and says what is unexpected, blocked or missing, and on which packets
//! each statement rests. It sends nothing.
//!
//! The floors, from the ground up; imports only point down (`tests/floors.rs` holds them to it):
//!
//! | floor | takes | gives |
//! |---|---|---|
//! | [`wire`] | one captured frame | who talks to whom: a borrowed [`wire::Datagram`] |
//! | [`dissect`] | the first payload bytes | application, names, endpoints |
//! | [`flow`] | datagrams | conversations: [`flow::Conversation`] |
//! | [`ledger`] | one or more captures | what was seen: [`ledger::Ledger`], mergeable |
//! | [`matrix`] | packs and a site | what is documented: [`matrix::Matrix`] |
//! | [`audit`] | ledger and matrix | [`audit::judge`]: every verdict, pure |
//! | [`capture`] | files, pipes, interfaces | [`wire::Frame`]s |
//! | [`report`] | an audit | the forms in which it leaves the house |
//! | [`cli`] | argv, terminal, clock | exit code |
#![forbid(unsafe_code)]

pub mod audit;
pub mod capture;
pub mod cli;
pub mod dissect;
pub mod flow;
pub mod ledger;
pub mod matrix;
pub mod report;
pub mod wire;
