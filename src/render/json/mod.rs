//! JSON. The documents are versioned by file name; the reasoning's own types are never serialised.

pub mod config;
pub mod doctor;
pub mod v1;
