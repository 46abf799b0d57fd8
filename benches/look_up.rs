//! One look-up in the compiled matrix, every row that fits one direction of a flow, beside the plain
//! scan that judges it; and building the look-up.
//!
//! ```text
//! cargo bench --bench look_up
//! ```
#![forbid(unsafe_code)]

#[path = "support/matrix.rs"]
mod matrix;
#[path = "workload/random.rs"]
#[expect(dead_code, reason = "the workloads draw more than matrices do")]
mod random;

use divan::{Bencher, black_box};
use matrix::{QUESTIONS, SIZES};

fn main() {
    divan::main();
}

/// Rows and prefixes in, the time of one look-up out; each sample asks every question once.
#[divan::bench(args = SIZES, sample_count = 50, sample_size = QUESTIONS as u32)]
fn look_up(bencher: Bencher<'_, '_>, (rows, prefixes): (u32, u32)) {
    let (matrix, questions) = matrix::matrix(rows, prefixes);
    let mut found = Vec::new();
    let mut next = 0_usize;
    bencher.bench_local(|| {
        next = next.wrapping_add(1);
        matrix.matches(&questions[next % QUESTIONS].facts(), &mut found);
        black_box(found.len())
    });
}

/// The same by the plain scan over all rows.
#[divan::bench(args = SIZES, sample_count = 20, sample_size = 64)]
fn scan(bencher: Bencher<'_, '_>, (rows, prefixes): (u32, u32)) {
    let (matrix, questions) = matrix::matrix(rows, prefixes);
    let mut next = 0_usize;
    bencher.bench_local(|| {
        next = next.wrapping_add(1);
        black_box(matrix.scan(&questions[next % QUESTIONS].facts()).len())
    });
}

/// Building the look-up from resolved roles and rows.
#[divan::bench(args = SIZES, sample_count = 3, sample_size = 1)]
fn build(bencher: Bencher<'_, '_>, (rows, prefixes): (u32, u32)) {
    bencher.bench_local(|| black_box(matrix::matrix(rows, prefixes)));
}
