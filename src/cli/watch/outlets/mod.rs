//! What changes in, everybody told who wants to know out: the lines and events of the watch, the
//! syslog daemon, the user's command, metrics and the journal. All of it is opened before the first
//! packet is read; none of it keeps packets waiting.

mod args;
mod hook;
mod journal;
mod metrics;
mod runner;
mod syslog;

use std::fmt::Display;
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use self::args::OutletArguments;
use self::hook::Hook;
use self::journal::Journal;
use self::metrics::{Page, Server};
pub use self::runner::{RunnerArguments, run};
use self::syslog::Syslog;
use super::args::WatchArguments;
use super::telling::Telling;
use crate::audit::Audit;
use crate::capture::live::Loss;
use crate::cli::exit::{self, Failure};
use crate::report::alerts::{Alerts, Told};
use crate::report::events::Event;
use crate::report::metrics::{Gauges, page};

/// How often the file of metrics is replaced.
const PAGE: Duration = Duration::from_secs(5);

/// Everybody who is told.
pub struct Outlets {
    begun: Instant,
    alerts: Alerts,
    syslog: Option<Syslog>,
    hook: Option<Hook>,
    journal: Option<Journal>,
    page: Option<Page>,
    server: Option<Server>,
    gauges: Gauges,
    whole: bool,
}

/// What became of alerts that took one way.
#[derive(Debug, Default)]
struct Tally {
    delivered: u64,
    failed: u64,
    said: Option<Instant>,
}

impl Outlets {
    /// Opens what `arguments` name. To be called before the interfaces are opened: the process that runs the
    /// user's command must not come by a socket from which it could read packets, or send some.
    ///
    /// # Errors
    /// Something cannot be opened.
    pub fn open(arguments: &WatchArguments) -> Result<Self, Failure> {
        let (arguments, sandbox) = (&arguments.outlets, &arguments.sandbox);
        let now = Instant::now();
        let started = Timestamp::now();
        let page = arguments.metrics.clone().map(|path| Page { path, due: now });
        Ok(Self {
            begun: now,
            alerts: Alerts::new(arguments.alerts()),
            syslog: arguments.syslog.as_deref().map(Syslog::open).transpose()?,
            hook: arguments.on_finding.as_ref().map(|words| Hook::open(&words.0, sandbox)).transpose()?,
            journal: arguments.journal.as_deref().map(Journal::open).transpose()?,
            page,
            server: arguments.metrics_listen.map(Server::open).transpose()?,
            gauges: Gauges { started: seconds(started.as_nanosecond()), ..Gauges::default() },
            whole: true,
        })
    }

    /// Tells what changed.
    pub fn changed(&mut self, telling: &mut Telling, changes: Vec<Event>) {
        let told = self.alerts.take(changes, self.begun.elapsed());
        told.iter().for_each(|told| self.tell(telling, told));
    }

    /// Tells one event that is no finding.
    pub fn said(&mut self, telling: &mut Telling, event: Event) {
        self.tell(telling, &Told { event, alert: false });
    }

    /// Notes what only the watch knows of its packets.
    pub fn measured(&mut self, losses: &[Loss], took: Duration, audit: &Audit) {
        let sum = |of: fn(&Loss) -> u64| losses.iter().map(of).fold(0, u64::saturating_add);
        self.gauges.drops = [("kernel", sum(|loss| loss.kernel)), ("interface", sum(|loss| loss.missed))].into();
        self.gauges.judging = took.as_secs_f64();
        let latest = audit.quality.last.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        self.gauges.latest = latest.map(|time| seconds(time.as_nanosecond()));
    }

    /// Does what is due between packets.
    pub fn look_after(&mut self, telling: &mut Telling, audit: &Audit) {
        let due = self.alerts.due(audit, self.begun.elapsed());
        due.iter().for_each(|told| self.tell(telling, told));
        if let Some(syslog) = &mut self.syslog {
            syslog.look_after();
        }
        if let Some(hook) = &mut self.hook {
            hook.look_after();
        }
        if let Some(journal) = &mut self.journal {
            journal.look_after(audit);
        }
        if self.page.as_ref().is_some_and(|page| Instant::now() >= page.due) {
            self.write_page(audit);
        }
        self.count();
        if let Some(server) = &mut self.server {
            server.serve(|| page(audit, &self.gauges));
        }
    }

    /// Tells what is held back, and waits for what was begun. [`Outlets::end`] follows.
    pub fn finish(&mut self, telling: &mut Telling, audit: &Audit) {
        if let Some(told) = self.alerts.finish(audit, self.begun.elapsed()) {
            self.tell(telling, &told);
        }
        if let Some(syslog) = &mut self.syslog {
            syslog.finish();
        }
        if let Some(hook) = &mut self.hook {
            hook.finish();
        }
        if self.page.is_some() {
            self.write_page(audit);
        }
        for (name, tally) in self.tallies().filter(|(_, tally)| tally.failed > 0) {
            let all = tally.failed.saturating_add(tally.delivered);
            exit::say(&format!("note: {name}: {} of {all} alerts did not get through", tally.failed));
        }
    }

    /// The last event; whether everything that has to be whole could be written.
    pub fn end(&mut self, telling: &mut Telling, event: Event, audit: &Audit) -> bool {
        self.said(telling, event);
        let journal = self.journal.as_mut().is_none_or(|journal| journal.finish(audit));
        journal && self.whole && telling.is_whole()
    }

    fn tell(&mut self, telling: &mut Telling, told: &Told) {
        telling.tell(&told.event);
        if let Some(journal) = &mut self.journal {
            journal.tell(&told.event);
        }
        let Some(kind) = told.event.what.alert().filter(|_| told.alert) else { return };
        let number = self.gauges.alerts.entry(kind).or_default();
        *number = number.saturating_add(1);
        if let Some(syslog) = &mut self.syslog {
            syslog.send(&told.event);
        }
        if let Some(hook) = &mut self.hook {
            hook.alert(&told.event);
        }
    }

    fn tallies(&self) -> impl Iterator<Item = (&'static str, &Tally)> {
        let syslog = self.syslog.as_ref().map(|syslog| ("--syslog", &syslog.tally));
        let hook = self.hook.as_ref().map(|hook| ("--on-finding", &hook.tally));
        [syslog, hook].into_iter().flatten()
    }

    fn count(&mut self) {
        let ways = [
            ("syslog", self.syslog.as_ref().map(|syslog| (syslog.tally.delivered, syslog.tally.failed))),
            ("hook", self.hook.as_ref().map(|hook| (hook.tally.delivered, hook.tally.failed))),
        ];
        for (way, counted) in ways {
            if let Some((delivered, failed)) = counted {
                self.gauges.deliveries.insert((way, "delivered"), delivered);
                self.gauges.deliveries.insert((way, "failed"), failed);
            }
        }
    }

    fn write_page(&mut self, audit: &Audit) {
        self.count();
        let Some(to) = &mut self.page else { return };
        to.due = Instant::now() + PAGE;
        if let Err(fault) = metrics::write(&to.path, &page(audit, &self.gauges)) {
            if self.whole {
                exit::say(&format!("cannot write {}: {fault}", to.path.display()));
            }
            self.whole = false;
        }
    }
}

impl Tally {
    /// Counts an alert that did not get through, and says so, but not more often than once a minute.
    fn fail(&mut self, name: &str, why: &dyn Display) {
        self.failed = self.failed.saturating_add(1);
        if self.said.is_none_or(|said| said.elapsed() >= Duration::from_secs(60)) {
            self.said = Some(Instant::now());
            exit::say(&format!("note: {name}: {why}; alerts that did not get through so far: {}", self.failed));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric is a float: a microsecond of today is told apart")]
fn seconds(nanoseconds: i128) -> f64 {
    nanoseconds as f64 / 1e9
}
