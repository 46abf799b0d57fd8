//! What one or more captures said: conversations, names heard, endpoints announced, ICMP errors,
//! counters. Ledgers merge; an [`Observation`] is a ledger with every direction and outcome
//! settled. Never looks at the matrix.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap
    )
)]

mod announcements;
mod batch;
mod cards;
mod close;
mod continuity;
mod directory;
mod duplicates;
mod inversions;
mod knowledge;
mod locate;
mod merge;
mod names;
mod observation;
mod observe;
mod own;
mod room;
mod settle;
#[cfg(test)]
mod tests;

pub use close::Bounds;
pub use continuity::{CLOCK_SET, ClockStep, Losses, Lost, Outage};
pub use locate::Locator;
pub use names::gap::NameGap;
pub use observation::{
    Announcement, Announcer, Binding, CardSign, Counters, DeclaredName, DirectorySays, DirectorySign, Input,
    InputState, Observation, Resolution, ResolutionResult, TapInfo, TappedHost,
};
pub use observe::{Ledger, MAX_FLOWS, Options};
