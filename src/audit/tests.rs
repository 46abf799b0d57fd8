//! The audit floor as a whole, by tables: a scenario is a few lines of text, the expectation one.

mod findings;
mod properties;
mod rows;
mod support;
mod verdicts;
