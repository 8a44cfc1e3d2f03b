//! A case as a file: whole or not at all, readable by its owner alone, and never over a file of another kind.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::diagnosis::words::shell;
use crate::sources::case::{Case, MOST_BYTES};
use crate::sources::{anonymise, redact};

use super::args::{Everywhere, Saving};
use super::failure::{Exit, Failure};
use super::gathering::Gathered;

/// Where a case is to be kept.
#[derive(Debug)]
pub struct CaseFile<'a> {
    path: &'a Path,
    anonymised: bool,
}

impl<'a> CaseFile<'a> {
    /// A place that a case may take, before anything is asked.
    ///
    /// # Errors
    /// If the name is none of a case file, or something else stands there.
    pub fn at(path: &'a Path, anonymised: bool, options: &Everywhere) -> Result<Self, Failure> {
        let name = path.to_string_lossy();
        if anonymised && options.no_redact {
            return Err(Failure::usage("--anonymise takes out more than secrets, and --no-redact leaves even them in: leave one of the two out"));
        }
        if !(name.ends_with(".json") || name.ends_with(".json.gz")) {
            return Err(Failure::usage(format!("`{name}` is no name for a case file; wanted is a path that ends in .json or .json.gz")));
        }
        match std::fs::metadata(path) {
            Ok(found) if !found.is_file() => Err(Failure::usage(format!("`{name}` is there and is no file"))),
            Ok(_) if !is_replaceable(path) => {
                Err(Failure::usage(format!("`{name}` is there and is no case file: it is left as it is")).hint("take another name, or remove that file"))
            }
            _ => Ok(Self { path, anonymised }),
        }
    }

    /// The file of `--save`, if it was asked for.
    ///
    /// # Errors
    /// As `at`, or if there is a way to save but no file.
    pub fn wanted(saving: &'a Saving, options: &Everywhere) -> Result<Option<Self>, Failure> {
        saving.save.as_deref().map(|path| Self::at(path, saving.anonymise, options)).transpose()
    }

    /// Whether it could be written now, as far as that shows.
    ///
    /// # Errors
    /// If its folder is not there or lets nothing be written.
    pub fn probe(&self) -> Result<(), Failure> {
        self.beside().map(drop).map_err(|error| self.unwritten(&error))
    }

    /// Writes what was gathered; gives what there is to say about it, line by line.
    ///
    /// # Errors
    /// If it cannot be written; then nothing is.
    pub fn save(&self, gathered: &Gathered, options: &Everywhere) -> Result<Vec<String>, Failure> {
        let mut case = gathered.case();
        if !options.no_redact {
            case = redact::case(case);
        }
        if self.anonymised {
            case = anonymise::case(case);
        }
        let (bytes, left_out) = self.bytes(&mut case)?;
        self.write(&bytes).map_err(|error| self.unwritten(&error))?;
        let mut told = Vec::new();
        if left_out > 0 {
            told.push(format!("not in the case: the oldest {} of long logs, for which it has no room", crate::diagnosis::words::count(left_out, "page")));
        }
        let of = match &gathered.trace.timeline.evidence.task {
            task if task.exists() => format!("task {}", task.id),
            task => format!("service {}", task.service.as_deref().unwrap_or_default()),
        };
        let how = if self.anonymised { ", anonymised" } else { "" };
        let many = crate::diagnosis::words::count(case.exchanges.iter().filter(|exchange| exchange.status != 0).count(), "answer");
        told.push(format!("{many} about {of} saved{how}; replay: ecs-trace timeline {}", shell(&pasteable(self.path))));
        Ok(told)
    }

    fn bytes(&self, case: &mut Case) -> Result<(Vec<u8>, usize), Failure> {
        let mut left_out = 0;
        loop {
            match case.written(self.path.extension().is_some_and(|extension| extension == "gz")) {
                Ok(bytes) => return Ok((bytes, left_out)),
                Err(_) if case.shortened() => left_out += 1,
                Err(error) => return Err(Failure::new(Exit::Other, format!("cannot write `{}`: {error}", self.path.display()))),
            }
        }
    }

    fn unwritten(&self, error: &std::io::Error) -> Failure {
        Failure::new(Exit::Other, format!("cannot write `{}`: {error}", self.path.display()))
    }

    fn beside(&self) -> std::io::Result<tempfile::NamedTempFile> {
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(std::io::Error::new(ErrorKind::NotFound, "there is no such folder"));
        }
        tempfile::Builder::new().prefix(".ecs-trace-").tempfile_in(folder).map_err(|error| unnamed(&error))
    }

    /// Written beside its place and moved there: a link that stands there is replaced, and what it leads to is not touched.
    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let _whole = super::interrupt::writing();
        let mut beside = self.beside()?;
        beside.write_all(bytes).map_err(|error| unnamed(&error))?;
        beside.as_file().sync_all()?;
        beside.persist(self.path).map_err(|error| unnamed(&error.error))?;
        Ok(())
    }
}

/// The error without the name of the file beside the user's, which nobody knows.
fn unnamed(error: &std::io::Error) -> std::io::Error {
    error.kind().into()
}

/// A case that this version reads, or an empty file, such as mktemp makes.
fn is_replaceable(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let Ok(file) = std::fs::File::open(path) else { return false };
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).is_ok() && (bytes.is_empty() || Case::read(&bytes).is_ok())
}

/// A path in a form that is read as one.
fn pasteable(file: &Path) -> String {
    let shown = file.display().to_string();
    if shown.contains('/') && !shown.starts_with(|first: char| first.is_alphanumeric()) { shown } else { format!("./{shown}") }
}
