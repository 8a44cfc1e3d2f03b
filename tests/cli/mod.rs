//! The real binary, against a fake AWS over real HTTP that serves the cases.

#[cfg(unix)]
mod alias;
mod anonymised;
mod answers;
mod archive;
mod archived_stops;
#[cfg(target_os = "linux")]
mod aws_cli;
pub mod bent;
mod case_files;
mod chain;
mod config;
mod doctor;
pub mod fake_aws;
mod fault_matrix;
mod faults;
mod handed_on;
#[cfg(unix)]
mod hostile;
#[cfg(unix)]
mod interrupts;
mod meant;
mod neighbours;
pub mod program;
mod read_only;
mod scaling;
mod session;
mod shell_sessions;
mod stops;
mod streams;
mod tab;
mod tasks;
mod wire;
