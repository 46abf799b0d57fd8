//! What one or more captures said: conversations, names heard, endpoints announced, ICMP errors,
//! counters. Ledgers merge; an [`Observation`] is a ledger with every direction and outcome
//! settled. Never looks at the matrix.

mod observation;

pub use observation::{
    Announcement, Binding, Counters, Input, InputState, Observation, Resolution, ResolutionResult, TapInfo,
};
