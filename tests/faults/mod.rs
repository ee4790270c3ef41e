//! Faults: the product as real processes, with something broken on purpose. Each fault is a row of
//! `docs/operations/faults.md`: what is broken, what must happen, and the figure that the last
//! whole run gave. `make faults` runs them for long and writes the page; `make test` runs them
//! briefly and checks that the page has every row.

mod report;

pub use report::{Row, long, shown};

/// Every fault, in the page's order: a part of the page, and its rows.
const PARTS: &[(&str, &[Row])] = &[];
