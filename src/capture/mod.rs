//! capture floor.
