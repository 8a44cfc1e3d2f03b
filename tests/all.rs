//! All tests that look at the program from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cases;
mod cli;
mod docs;
mod house;
