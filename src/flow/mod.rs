//! Datagrams in, conversations out. Holds no bytes of a frame after `observe` returns, except the
//! first payload bytes that recognition still wants. Never looks at a matrix, never reads a clock.
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

mod arrivals;
mod attempt;
mod close;
mod conversation;
mod direction;
mod ending;
mod flows;
mod fold;
mod interned;
mod key;
mod outcome;
mod packet;
mod payload;
mod places;
mod prefix;
mod recognition;
mod record;
mod seen;
mod settle;
mod slots;
mod stream;
mod table;
mod terms;
#[cfg(test)]
mod tests;

pub use close::{Closed, Patience, still_needed};
pub use conversation::{Conversation, Marks};
pub use flows::{FlowTable, QuotingError, Sighting};
pub use settle::{Settled, insert};
pub use stream::{Stream, Stretch};
pub use table::AHEAD;
pub use terms::{Counts, DirectionBasis, Endpoint, IcmpError, Outcome};
