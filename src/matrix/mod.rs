//! Packs and a site in, a compiled look-up out: which documented rows fit these facts. Knows
//! addresses, names, ports and features; has never heard of packets, flows or time.

mod compiled;
mod model;

pub use compiled::{Match, Matrix, name_matches};
pub use model::{
    Atom, AtomId, Basis, Binding, Direction, Facts, MinimumBasis, Need, PackInfo, Peer, Ports, Role, RoleId, Row,
    RowId, Severity, Standing, Waiver,
};
