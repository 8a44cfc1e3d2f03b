//! The real binary, against a fake AWS over real HTTP that serves the cases.

#[cfg(unix)]
mod alias;
mod answers;
mod archive;
#[cfg(target_os = "linux")]
mod aws_cli;
mod case_files;
mod chain;
mod config;
mod doctor;
pub mod fake_aws;
mod faults;
mod meant;
mod neighbours;
pub mod program;
mod scaling;
mod session;
mod shell_sessions;
mod stops;
mod streams;
mod tab;
mod tasks;
mod wire;
