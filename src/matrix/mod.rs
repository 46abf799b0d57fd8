//! Packs and a site in, a compiled look-up out: which documented rows fit these facts. Knows
//! addresses, names, ports and features; has never heard of packets, flows or time.
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

mod addresses;
mod compile;
mod compiled;
mod diagnostics;
mod hosts;
mod index;
mod index_address;
mod index_few;
mod index_names;
mod index_port;
mod index_rows;
mod lists;
mod model;
mod pack;
mod pack_parse;
mod phrases;
mod reader;
mod roles;
mod services;
mod shipped;
pub mod show;
mod site;
mod site_parse;
mod table;
mod table_cells;
mod waiver;

pub use addresses::{AddressRange, Player};
pub use compiled::{Match, Matrix, MatrixParts, name_matches};
pub use diagnostics::{Fault, Faults, Source};
pub use hosts::{Hosts, names_a_peer};
pub use index::Played;
pub use model::{
    Atom, AtomId, Basis, Binding, Direction, Facts, Follows, MinimumBasis, Need, PackInfo, Peer, Ports, Role, RoleId,
    Row, RowId, Severity, Standing, Waiver,
};
pub use pack::{DefaultPlayers, Pack, PackFeature, PackRole, PackRow};
pub use services::{PortTerm, Service};
pub use shipped::{Purpose, load_pack, shipped, with_purpose};
pub use site::{Declared, Setting, Site, SiteRole};
pub use table::{Form, Guess, Imported, import};
pub use waiver::SiteWaiver;
