//! What TAB offers. Offline, silent and instant: nothing here asks AWS.

use clap_complete::CompletionCandidate;

use crate::diagnosis::catalogue;
use crate::sources::demos;

/// The forms a task can take that are known without asking: demos and names.
#[must_use]
pub fn tasks() -> Vec<CompletionCandidate> {
    let demos = demos::names().map(|(name, about)| CompletionCandidate::new(format!("demo:{name}")).help(Some(about.into())));
    let names = [
        ("@latest", "the latest stopped task of the cluster"),
        ("service/", "the latest stopped task of a service"),
        ("-", "an event, a describe-tasks answer or a case on standard input"),
    ];
    demos.chain(names.map(|(name, about)| CompletionCandidate::new(name).help(Some(about.into())))).collect()
}

/// Codes and names that `explain` knows, with what they mean.
#[must_use]
pub fn explainable() -> Vec<CompletionCandidate> {
    catalogue::entries().map(|entry| CompletionCandidate::new(entry.key).help(Some(entry.means.into()))).collect()
}
