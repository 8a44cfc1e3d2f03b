//! Small files that spare a question, in a folder of this user's alone: what they hold may be gone at any moment.

use std::io::Write;
use std::path::{Path, PathBuf};

/// `$XDG_CACHE_HOME/ecs-trace`, else `~/.cache/ecs-trace`, made 0700; none where it is somebody else's or cannot be made.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    ours(named("XDG_CACHE_HOME").or_else(|| Some(named("HOME").or_else(|| named("USERPROFILE"))?.join(".cache")))?)
}

/// Where processes of this user meet until they log out: `$XDG_RUNTIME_DIR/ecs-trace`, else with the cache.
#[must_use]
pub fn meeting_place() -> Option<PathBuf> {
    named("XDG_RUNTIME_DIR").and_then(ours).or_else(folder)
}

fn named(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn ours(base: PathBuf) -> Option<PathBuf> {
    let folder = base.join("ecs-trace");
    is_ours(&folder).then_some(folder)
}

#[cfg(unix)]
fn is_ours(folder: &Path) -> bool {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    if !folder.is_dir() {
        let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let Ok(found) = std::fs::symlink_metadata(folder) else { return false };
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return false;
    }
    found.mode().trailing_zeros() >= 6 || std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).is_ok()
}

#[cfg(not(unix))]
fn is_ours(folder: &Path) -> bool {
    std::fs::create_dir_all(folder).is_ok()
}

/// Writes the file whole or not at all, 0600. Where that cannot be done, it is not there.
pub fn keep(path: &Path, bytes: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let Ok(mut beside) = tempfile::Builder::new().prefix(".new-").tempfile_in(folder) else { return };
    if beside.write_all(bytes).is_ok() {
        let _ = beside.persist(path);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_for_this_user_alone_and_one_that_leads_elsewhere_is_not_used() {
        let base = tempfile::tempdir().expect("a folder");
        let made = ours(base.path().to_owned()).expect("ours");
        assert_eq!(made.metadata().expect("metadata").permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o755)).expect("opened up");
        assert!(ours(base.path().to_owned()).is_some());
        assert_eq!(made.metadata().expect("metadata").permissions().mode() & 0o777, 0o700);
        let elsewhere = tempfile::tempdir().expect("another folder");
        std::os::unix::fs::symlink(elsewhere.path(), base.path().join("there")).expect("a link");
        assert!(!is_ours(&base.path().join("there")));
    }
}
