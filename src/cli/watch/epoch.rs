//! A watch that grows in, one that stays within its bounds out: what is over is folded when there is
//! much of it, its lines go to the flow log, and reports are written when they are due.

use std::time::Instant;

use jiff::Timestamp;

use super::beside::beside;
use super::flow_log::{FlowLog, Lines};
use super::rotate::{Rotation, stamped};
use super::{SHARE, Watch};
use crate::audit::{FlowVerdict, Judged};
use crate::cli::report::{is_dash, outputs, write_files};
use crate::ledger::{InputState, Observation};

impl Watch<'_> {
    /// Folds what is over, where there is more than is to be held or where it is due.
    pub(super) fn fold(&mut self, seen: &Observation, judged: &Judged, due: bool) {
        let bounds = self.arguments.bounds();
        let sweeps = self.log.is_some() && self.rotation.as_mut().is_some_and(Rotation::sweeps);
        if !(due || sweeps || self.ledger.is_full(bounds)) {
            return;
        }
        let begun = Instant::now();
        // A clock that was set back must not make everything look long over.
        let wall = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        let now = seen.last.unwrap_or_default().min(crate::wire::Timestamp::from_nanoseconds(wall));
        let Self { ledger, log, live, backlog, matrix, .. } = self;
        beside(live, backlog, || {
            let folded = ledger
                .close(now, bounds, seen, |index| judged.flows.get(index).map(FlowVerdict::stance).unwrap_or_default());
            if let Some(log) = log {
                log.add(&Lines { seen, judged, matrix, which: &folded });
            }
        });
        // Beside the rest from judging, not in its place.
        self.due = self.due.max(Instant::now()) + begun.elapsed().saturating_mul(SHARE);
    }

    /// Saves the packets behind the findings that are due, or behind all that wait.
    pub(super) fn save(&mut self, seen: &Observation, judged: &Judged, all: bool) {
        if let Some(saves) = &mut self.saves {
            saves.write(seen, judged, all);
            self.whole &= std::mem::replace(&mut saves.whole, true);
        }
    }

    /// Writes the reports under names with the time, when they are due.
    pub(super) fn rotate(&mut self) {
        let size = self.log.as_ref().map_or(0, FlowLog::size);
        let Some(rotation) = self.rotation.as_mut().filter(|rotation| rotation.is_due(size)) else { return };
        let stamp = rotation.begin();
        let (seen, judged) = self.look(&InputState::Whole);
        self.fold(&seen, &judged, true);
        let (_, mut whole) = write_files(&judged.audit, &self.arguments.outputs, |path| stamped(path, &stamp));
        if let Some(log) = self.log.as_mut().filter(|log| !is_dash(&log.path)) {
            let path = stamped(&log.path, &stamp);
            whole &= log.finish(&Lines { seen: &seen, judged: &judged, matrix: &self.matrix, which: &[] }, &path);
        }
        self.whole &= whole;
        if let Some(rotation) = &self.rotation {
            let flows = self.arguments.flows.clone();
            outputs(&self.arguments.outputs, &[flows.as_deref()]).iter().for_each(|path| rotation.prune(path));
        }
    }

    /// Adds the flows that are left to the flow log and has it appear; whether it is whole.
    pub(super) fn finish_log(&mut self, seen: &Observation, judged: &Judged) -> bool {
        let which = self.ledger.unfolded(seen);
        let Some(log) = &mut self.log else { return true };
        let path = log.path.clone();
        log.finish(&Lines { seen, judged, matrix: &self.matrix, which: &which }, &path)
    }
}
