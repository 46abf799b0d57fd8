//! `flowaudit watch`: interfaces and a site in, what changes at once and an audit at the end out.
//! The same ledger and the same judge as for files; the report at the end is that of an audit of
//! the same packets. Sends nothing.

mod args;
mod beside;
mod caller;
mod epoch;
mod flow_log;
mod gate;
mod list;
mod outlets;
mod places;
mod reload;
mod rotate;
mod save;
mod screen;
mod telling;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use self::args::{EXAMPLES, LONG_HELP, WatchArguments};
use self::beside::{Backlog, beside};
use self::flow_log::FlowLog;
use self::outlets::Outlets;
pub use self::outlets::{RunnerArguments, run as run_command};
use self::places::{check_stdout, is_wanted, needs};
use self::rotate::Rotation;
use self::save::Saves;
use self::screen::{Counters, Screen, Wish};
use self::telling::Telling;
use super::audit::{flow_form, stop_on_signals};
use super::exit::{self, Failure};
use super::options;
use super::report::{is_dash, try_out, write_all, write_files, write_one};
use super::sandbox::{self, Needs};
use crate::audit::{Audit, Judged, judge};
use crate::capture::live::{self, Live, LiveError};
use crate::ledger::{self, InputState, Ledger, Observation};
use crate::matrix::Matrix;
use crate::report::events::{self, Event, What};
use crate::report::flows;
use crate::wire::Frame;

/// Runs the watch.
///
/// # Errors
/// It could not start, or a report could not be written.
pub fn run(arguments: &WatchArguments) -> Result<u8, Failure> {
    if arguments.list {
        return list::list();
    }
    let stdout_taken = check_stdout(arguments)?;
    try_out(&needs(arguments).outputs)?;
    let site = options::site(&arguments.site)?;
    let matrix = Matrix::load(&site)?;
    if !arguments.look.quiet {
        matrix.warnings().iter().for_each(|warning| exit::say(&format!("note: {warning}")));
    }
    let mut watch = Watch::open(arguments, matrix, stdout_taken)?;
    let made = watch.saves.as_ref().and_then(Saves::made);
    let (reads, again) = (reload::reads(arguments, &site), reload::files(arguments, &site));
    let made = made.into_iter().collect();
    sandbox::confine(&arguments.sandbox, &Needs { reads, again, made, ..needs(arguments) })?;
    let ending = watch.follow()?;
    // The terminal is given back before the report is printed on it; a closed one can show none.
    let gone = watch.telling.caller.is_gone() || watch.screen.as_ref().is_some_and(Screen::is_gone);
    let stdout_taken = stdout_taken || gone;
    watch.screen = None;
    let (observation, judged) = watch.finish(ending)?;
    let flows_whole = watch.finish_log(&observation, &judged);
    write_all(&judged.audit, &arguments.outputs, &arguments.look, stdout_taken)?;
    let (code, why) = watch.verdict(&judged.audit);
    let end = Event::at(&judged.audit, What::End { exit: code, headline: judged.audit.headline.clone() });
    let told_whole = watch.outlets.end(&mut watch.telling, end, &judged.audit);
    if !flows_whole || !told_whole || !watch.whole {
        return Err(Failure::Unwritten);
    }
    match why {
        Some(why) => exit::say(&format!("exit {code}: {why}")),
        None => return Ok(exit::of_audit(&judged.audit, arguments.fail_on.into())),
    }
    Ok(code)
}

/// Why the reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// What was waited for has come, or the time was over, or no end was set and a signal came.
    Regular,
    /// A signal came before the end that was set.
    Signal,
}

/// A watch that is under way.
struct Watch<'run> {
    arguments: &'run WatchArguments,
    matrix: Matrix,
    live: Live,
    ledger: Ledger,
    /// What came while it was judged and folded.
    backlog: Backlog,
    telling: Telling,
    screen: Option<Screen>,
    outlets: Outlets,
    log: Option<FlowLog>,
    rotation: Option<Rotation>,
    saves: Option<Saves>,
    /// Whether everything that was due so far could be written.
    whole: bool,
    stop: Arc<AtomicBool>,
    hangup: Arc<AtomicBool>,
    /// When site and packs were last read again.
    since: Option<String>,
    /// The audit that was told last.
    told: Audit,
    /// Whether packets came since.
    stale: bool,
    /// Interfaces that have another name now, as was said.
    renamed: Vec<(String, String)>,
    /// When the next judgement is due: judging must leave most of the time to reading.
    due: Instant,
}

impl<'run> Watch<'run> {
    fn open(arguments: &'run WatchArguments, matrix: Matrix, stdout_taken: bool) -> Result<Self, Failure> {
        let several_taps = arguments.interface.len() > 1;
        // What cannot be folded without loss is, when there is four times as much as is to be held, and what
        // comes during a judgement.
        let max_flows = arguments.bounds().flows.saturating_mul(4).saturating_add(4096);
        let ledger = Ledger::new(ledger::Options { several_taps, max_flows, ..ledger::Options::default() });
        let told = judge(&ledger.settle(), &matrix).audit;
        if let Some(refusal) = arguments.until.and_then(|_| gate::refusal(&told)) {
            return Err(Failure::Plain(refusal));
        }
        let stop = stop_on_signals().map_err(|fault| Failure::plain(format!("cannot listen to signals: {fault}")))?;
        let mut outlets = Outlets::open(arguments)?;
        let live = Live::open(&live_options(arguments)).map_err(|error| failure(&error))?;
        let interfaces: Vec<String> = live.inputs(&InputState::Whole).0.into_iter().map(|input| input.path).collect();
        let mut screen = if stdout_taken { None } else { Screen::open(arguments, &interfaces, &matrix) };
        let mut telling = Telling::open(arguments, stdout_taken || screen.is_some())?;
        let start = Event::at(&told, What::Start { interfaces });
        screen.iter_mut().for_each(|screen| screen.tell(&start));
        outlets.said(&mut telling, start);
        let log = FlowLog::of(arguments)?;
        let keep = arguments.keep.and_then(|keep| usize::try_from(keep).ok());
        let rotation = arguments.rotate.map(|when| Rotation::new(when, keep));
        Ok(Self {
            arguments,
            matrix,
            live,
            ledger,
            backlog: Backlog::default(),
            telling,
            screen,
            outlets,
            log,
            rotation,
            saves: Saves::of(arguments)?,
            whole: true,
            hangup: reload::on_signal()?,
            since: None,
            stop,
            told,
            stale: false,
            renamed: Vec::new(),
            due: Instant::now(),
        })
    }

    /// Reads and judges until an end comes.
    fn follow(&mut self) -> Result<Ending, Failure> {
        let begun = Instant::now();
        loop {
            self.stale |= self.catch_up();
            let keyboard = self.screen.as_ref().map(Screen::keyboard);
            self.live.wait(TICK, keyboard).map_err(|error| failure(&error))?;
            let (ledger, saves) = (&mut self.ledger, &mut self.saves);
            self.stale |= self.live.read(&mut |frame| take(ledger, saves, frame)) > 0;
            self.stale |= self.live.has_changed();
            let is_due = self.saves.as_ref().is_some_and(Saves::is_due);
            if (self.stale || is_due) && Instant::now() >= self.due {
                let (seen, judged) = self.look(&InputState::Whole);
                self.save(&seen, &judged, false);
                self.fold(&seen, &judged, false);
            }
            self.reload();
            self.rotate();
            self.outlets.look_after(&mut self.telling, &self.told);
            if self.arguments.until.is_some() && gate::is_open(&self.told) {
                return Ok(Ending::Regular);
            }
            if self.show() || self.telling.caller.ends() || self.stop.load(Ordering::Relaxed) {
                let bounded = self.arguments.duration.is_some() || self.arguments.until.is_some();
                return Ok(if bounded { Ending::Signal } else { Ending::Regular });
            }
            if self.telling.is_unheard() && !is_wanted(self.arguments) {
                return Ok(Ending::Regular);
            }
            let over = self.arguments.duration.is_some_and(|duration| begun.elapsed() >= duration);
            if over || self.live.is_over() {
                return Ok(Ending::Regular);
            }
        }
    }

    /// Takes keys and draws; whether the user ends the watch.
    fn show(&mut self) -> bool {
        let Some(screen) = &mut self.screen else { return false };
        let wish = match screen.turn(&self.told) {
            Wish::Nothing if screen.is_due() => screen.draw(&self.told, counters(&mut self.live)),
            wish => wish,
        };
        if wish == Wish::Write {
            let note = self.write_now();
            self.screen.iter_mut().for_each(|screen| screen.note(note.clone()));
        }
        wish == Wish::Quit
    }

    /// Writes the reports that were asked for, as everything stands now; says so in one line.
    fn write_now(&mut self) -> String {
        let (observation, judged) = self.look(&InputState::Whole);
        let (mut names, mut whole) = write_files(&judged.audit, &self.arguments.outputs, Path::to_owned);
        if let Some(path) = self.arguments.flows.as_deref().filter(|path| !is_dash(path)) {
            let form = flow_form(path).unwrap_or(flows::Form::Csv);
            whole &= write_one(path, |out| flows::write(out, form, &observation, &judged.flows, &self.matrix));
            names.push(path.display().to_string());
        }
        match (names.is_empty(), whole) {
            (true, _) => {
                "no report was asked for: start with --html FILE, --json FILE, --flows FILE or others".to_owned()
            }
            (false, true) => format!("written: {}", names.join(", ")),
            (false, false) => "not every report could be written; standard error says why at the end".to_owned(),
        }
    }

    /// Reads what is left, and judges for the last time.
    fn finish(&mut self, ending: Ending) -> Result<(Observation, Judged), Failure> {
        self.catch_up();
        self.backlog.closed = true;
        let (ledger, saves) = (&mut self.ledger, &mut self.saves);
        self.live.finish(&mut |frame| take(ledger, saves, frame)).map_err(|error| failure(&error))?;
        let state = match ending {
            Ending::Regular => InputState::Whole,
            Ending::Signal => InputState::Stopped,
        };
        let last = self.look(&state);
        self.save(&last.0, &last.1, true);
        self.outlets.finish(&mut self.telling, &self.told);
        Ok(last)
    }

    /// Judges what was seen so far and tells what changed.
    fn look(&mut self, state: &InputState) -> (Observation, Judged) {
        let begun = Instant::now();
        self.catch_up();
        // Asked for first, so that the inputs hold them.
        let losses = self.live.losses();
        self.say_names();
        let (inputs, taps) = self.live.inputs(state);
        self.ledger.set_inputs(inputs, taps);
        let (ledger, matrix) = (&self.ledger, &self.matrix);
        let (observation, mut judged) = beside(&mut self.live, &mut self.backlog, || {
            let seen = ledger.settle();
            let judged = judge(&seen, matrix);
            (seen, judged)
        });
        judged.audit.site.since.clone_from(&self.since);
        let changes = events::between(&self.told, &judged.audit);
        self.screen.iter_mut().for_each(|screen| changes.iter().for_each(|event| screen.tell(event)));
        self.outlets.measured(&losses, begun.elapsed(), &judged.audit);
        self.saves.iter_mut().for_each(|saves| saves.note(&changes));
        self.outlets.changed(&mut self.telling, changes);
        self.told = judged.audit.clone();
        self.stale = false;
        self.due = Instant::now() + SHORTEST.max(begun.elapsed().saturating_mul(SHARE));
        (observation, judged)
    }

    /// Says which interfaces were given another name: they are watched all the same.
    fn say_names(&mut self) {
        let renamed = self.live.renamed();
        for (name, now) in renamed.iter().filter(|pair| !self.renamed.contains(pair)) {
            exit::say(&format!("note: {name} is called {now} now; it is watched all the same, as {name}"));
        }
        self.renamed = renamed;
    }

    /// The exit code, and why where it is not simply that of the audit.
    fn verdict(&self, audit: &Audit) -> (u8, Option<String>) {
        let code = audit.exit_code(self.arguments.fail_on.into());
        match (self.arguments.until, gate::is_open(audit)) {
            (None, _) => (code, None),
            (Some(_), true) => (0, Some(gate::met(audit))),
            (Some(_), false) => (if code == 0 { 3 } else { code }, Some(gate::unmet(audit))),
        }
    }
}

fn take(ledger: &mut Ledger, saves: &mut Option<Saves>, frame: &Frame<'_>) {
    ledger.observe(frame);
    if let Some(saves) = saves {
        saves.keep(frame);
    }
}

fn counters(live: &mut Live) -> Counters {
    let losses = live.losses();
    let (inputs, _) = live.inputs(&InputState::Whole);
    let read = |part: fn(&ledger::Input) -> u64| inputs.iter().map(part).fold(0, u64::saturating_add);
    let lost = |part: fn(&live::Loss) -> u64| losses.iter().map(part).fold(0, u64::saturating_add);
    Counters {
        packets: read(|input| input.packets),
        bytes: read(|input| input.bytes),
        kernel: lost(|loss| loss.kernel),
        missed: lost(|loss| loss.missed),
    }
}

fn live_options(arguments: &WatchArguments) -> live::Options {
    live::Options {
        interfaces: arguments.interface.clone(),
        promiscuous: arguments.promiscuous,
        snap_length: arguments.snaplen,
        ring_bytes: arguments.ring.saturating_mul(1 << 20),
        filter: arguments.filter.clone(),
    }
}

/// What to do about it, where it is a permission that is missing.
fn failure(error: &LiveError) -> Failure {
    match error {
        LiveError::NoPermission { .. } => {
            let program =
                std::env::current_exe().map_or_else(|_| "flowaudit".into(), |path| path.display().to_string());
            Failure::plain(format!("{error}; run as root, or grant it once: sudo setcap cap_net_raw=ep {program}"))
        }
        LiveError::NoInterface { .. }
        | LiveError::Filter { .. }
        | LiveError::Other { .. }
        | LiveError::List(_)
        | LiveError::Wait(_) => Failure::plain(error),
    }
}

/// Longest wait for a packet: signals and time limits are looked at between two.
const TICK: Duration = Duration::from_millis(100);

/// Shortest time between two judgements.
const SHORTEST: Duration = Duration::from_millis(400);

/// Judging, and folding, is followed by this many times its own length of reading.
const SHARE: u32 = 4;
