//! Small files that spare a question: what they hold may be gone at any moment.

use std::io::Write;
use std::path::Path;

/// Writes the file whole or not at all, 0600. Where that cannot be done, it is not there.
pub fn keep(path: &Path, bytes: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let Ok(mut beside) = tempfile::Builder::new().prefix(".new-").tempfile_in(folder) else { return };
    if beside.write_all(bytes).is_ok() {
        let _ = beside.persist(path);
    }
}
