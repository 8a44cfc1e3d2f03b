//! The real binary, against a fake AWS over real HTTP that serves the cases.

mod answers;
pub mod fake_aws;
mod faults;
pub mod program;
mod scaling;
mod session;
mod streams;
mod tab;
mod tasks;
mod wire;
