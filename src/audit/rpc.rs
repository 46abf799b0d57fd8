//! Dynamic ports of RPC and of SQL Server instances: which were announced to whom, and what a flow to
//! one of them proves (C706, MS-RPCE, MC-SQLR). Weak knowledge never becomes strong here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::grade::Graded;
use super::model::Kind;
use super::own_names::{OwnNames, Whose};
use super::payload::{self, Bytes};
use super::verdict::Case;
use super::words;
use crate::dissect::{Application, Payload};
use crate::flow::{Conversation, Outcome};
use crate::ledger::{Announcement, Announcer, Observation};
use crate::matrix::{Atom, Basis};

/// How long an announcement holds, in nanoseconds: 24 hours.
const VALID: i64 = 24 * 3600 * 1_000_000_000;

/// Announced ports by client, server and port.
pub(super) struct Announced<'audit> {
    ports: BTreeMap<(IpAddr, IpAddr, u16), Vec<&'audit Announcement>>,
    /// Not every message of SQL Server browsers was kept.
    browsers_unread: bool,
}

impl<'audit> Announced<'audit> {
    /// Indexes the announcements. One that speaks for another host teaches nothing, nor does one for a host of
    /// which nobody knows that it is this server.
    pub(super) fn new(observation: &'audit Observation, own: &OwnNames<'_>) -> Self {
        let mut ports: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for announcement in observation.announcements.iter().filter(|told| own.whose(told) == Whose::Own) {
            let key = (announcement.client, announcement.server, announcement.port);
            ports.entry(key).or_default().push(announcement);
        }
        for list in ports.values_mut() {
            list.sort_by_key(|a| (a.at, a.frame));
        }
        Self { ports, browsers_unread: observation.counters.browsers_unread > 0 }
    }

    /// The latest announcement that holds for this flow at its start. A browser announces no RPC
    /// port, and an endpoint mapper no database.
    fn of(&self, flow: &Conversation, by_browser: bool) -> Option<&'audit Announcement> {
        let key = (flow.originator().address, flow.responder().address, flow.responder().port);
        let holds = |a: &&&Announcement| {
            let apt = (a.by == Announcer::Browser) == by_browser;
            apt && a.at <= flow.first && flow.first.since(a.at) <= VALID
        };
        self.ports.get(&key)?.iter().rev().find(holds).copied()
    }

    /// What the flow proves about the dynamic port that it uses.
    pub(super) fn grade(&self, case: &Case<'_>, atom: &Atom, minimum: Basis) -> Graded {
        match atom.application {
            Some(Application::Tds) => self.grade_instance(case, atom, minimum),
            _ => self.grade_rpc(case, minimum),
        }
    }

    /// A flow to the port of a SQL Server instance. Such a port may be any, so one that nobody announced
    /// and that speaks something else is not of this row.
    fn grade_instance(&self, case: &Case<'_>, atom: &Atom, minimum: Basis) -> Graded {
        let (flow, pen) = (case.flow, case.pen);
        let announced = self.of(flow, true);
        let port = flow.responder().port;
        match (payload::compare(flow, atom), announced) {
            (Bytes::Contradict(seen), Some(_)) => {
                Graded::against(Kind::WrongProtocol, pen.write(|| payload::contradiction(flow, atom, seen)))
            }
            (Bytes::Contradict(_), None) => Graded::absent(),
            (Bytes::Silent, Some(_)) if payload::is_lossy(flow) => Graded::undecided(pen.write(|| words::lost(flow))),
            (Bytes::Agree | Bytes::Silent, Some(announcement)) => {
                let reason = || words::announced_instance(port, &announcement.interface, announcement.frame);
                Graded::at_least(minimum, Basis::Announced, pen.write(reason))
            }
            (Bytes::Agree | Bytes::Silent, None) => {
                let why = if self.browsers_unread { words::browsers_unread } else { words::unannounced_instance };
                Graded::at_least(minimum, Basis::Range, pen.write(|| why(port)))
            }
        }
    }

    fn grade_rpc(&self, case: &Case<'_>, minimum: Basis) -> Graded {
        let flow = case.flow;
        let announced = self.of(flow, false);
        match &*flow.payload {
            Payload::Recognised(recognised) => match recognised.application {
                Some(Application::Dcerpc | Application::Epm) => spoken(case, announced, minimum),
                Some(other) => {
                    let documented = Application::Dcerpc.name();
                    let reason = || words::other_protocol(other.name(), documented, flow.first_frame);
                    Graded::against(Kind::WrongProtocol, case.pen.write(reason))
                }
                None => unspoken(case, announced, minimum),
            },
            Payload::NotRecognised if flow.outcome != Outcome::Midstream && !flow.is_truncated() => {
                foreign(case, announced)
            }
            Payload::None | Payload::NotCaptured | Payload::NotRecognised => unspoken(case, announced, minimum),
        }
    }
}

/// The flow speaks DCE/RPC.
fn spoken(case: &Case<'_>, announced: Option<&Announcement>, minimum: Basis) -> Graded {
    let (flow, pen) = (case.flow, case.pen);
    let interfaces = payload::recognised(flow).map(|r| r.interfaces.as_slice()).unwrap_or_default();
    if let Some((interface, _)) = interfaces.iter().find(|(_, accepted)| *accepted) {
        return Graded::at_least(minimum, Basis::Bind, pen.write(|| words::bound_interface(interface)));
    }
    // A request can only name a presentation context that a bind_ack accepted before (C706 12.6.4),
    // so calls that are answered on a connection older than the capture prove the bind.
    let answered = flow.sent.payload > 0 && flow.received.payload > 0;
    if flow.outcome == Outcome::Midstream && answered && interfaces.is_empty() {
        return Graded::at_least(minimum, Basis::Bind, pen.write(words::implied_bind));
    }
    unspoken(case, announced, minimum)
}

/// The bytes do not say: only an announcement can.
fn unspoken(case: &Case<'_>, announced: Option<&Announcement>, minimum: Basis) -> Graded {
    let (flow, pen) = (case.flow, case.pen);
    let port = flow.responder().port;
    let bound = payload::recognised(flow).and_then(|found| found.interfaces.first());
    match announced {
        Some(_) if payload::is_lossy(flow) => Graded::undecided(pen.write(|| words::lost(flow))),
        Some(announcement) => {
            let reason = pen.write(|| words::announced(announcement));
            Graded::at_least(minimum, Basis::Announced, reason)
        }
        None => {
            let why = || match bound {
                Some((interface, _)) => words::bind_not_accepted(port, interface, flow.received.payload > 0),
                None => words::only_in_range(port, flow.is_truncated()),
            };
            Graded::at_least(minimum, Basis::Range, pen.write(why))
        }
    }
}

/// The bytes were captured and are not DCE/RPC.
fn foreign(case: &Case<'_>, announced: Option<&Announcement>) -> Graded {
    let (port, frame) = (case.flow.responder().port, case.flow.first_frame);
    match announced {
        Some(announcement) => {
            let reason = || words::announced_but_foreign(port, announcement.frame, frame);
            Graded::against(Kind::WrongProtocol, case.pen.write(reason))
        }
        None => Graded::against(Kind::NotAnnounced, case.pen.write(|| words::not_announced(port, frame))),
    }
}
