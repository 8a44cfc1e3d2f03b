//! Which log groups keep ECS's events, as far as they were found within the last hour: on disk, so that each forgotten
//! task of an incident does not ask for them again. What is not found in them is looked for anew.

use std::io::Read;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::Kept;
use super::cache;

const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);
/// No list of ours is longer.
const LARGEST: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Found {
    at: Timestamp,
    groups: Vec<Kept>,
}

/// The list of one identity in one region; where there is no place for it, nothing is known.
#[derive(Debug, Default)]
pub struct KnownGroups(Option<PathBuf>);

impl KnownGroups {
    /// One file for each endpoint, access key and region.
    #[must_use]
    pub fn of(folder: Option<PathBuf>, endpoint: Option<&str>, key: &str, region: &str) -> Self {
        let mark = Sha256::digest(format!("{}\n{key}\n{region}", endpoint.unwrap_or_default()).as_bytes());
        let mark: String = mark.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(folder.map(|folder| folder.join(format!("archives-{mark}.json"))))
    }

    /// What was found within the hour.
    #[must_use]
    pub fn read(&self, now: Timestamp) -> Vec<Kept> {
        let read = || {
            let mut bytes = Vec::new();
            std::fs::File::open(self.0.as_ref()?).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
            let found: Found = serde_json::from_slice(&bytes).ok()?;
            let age = now.duration_since(found.at);
            (!age.is_negative() && age < KEPT_FOR).then_some(found.groups)
        };
        read().unwrap_or_default()
    }

    /// That there is none is not kept: one may be made at any moment.
    pub fn keep(&self, groups: &[Kept], now: Timestamp) {
        let Some(path) = self.0.as_ref().filter(|_| !groups.is_empty()) else { return };
        let Ok(bytes) = serde_json::to_vec(&Found { at: now, groups: groups.to_vec() }) else { return };
        cache::keep(path, &bytes);
    }

    /// One of them was deleted meanwhile: what else stands there is as old.
    pub fn forget(&self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::Keeps;
    use super::*;

    #[test]
    fn a_list_is_known_for_an_hour_to_whoever_found_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |key: &str, region: &str| KnownGroups::of(Some(folder.path().to_owned()), None, key, region);
        let now = Timestamp::from_second(1_000_000).expect("a time");
        let group = |name: &str| Kept {
            group: name.to_owned(),
            keeps: Keeps::Events,
            retention_days: Some(30),
            stored: 7,
            created: Some(now),
            account: Some("111122223333".to_owned()),
            partition: Some("aws".to_owned()),
            only_queried: false,
        };
        let groups = [group("/aws/events/ecs-trace")];
        let names = |known: KnownGroups, at: Timestamp| known.read(at).into_iter().map(|kept| (kept.group.clone(), kept.account.clone(), kept.begins(at))).collect::<Vec<_>>();
        of("AKIA1", "eu-west-1").keep(&groups, now);
        let later = now + SignedDuration::from_mins(59);
        assert_eq!(names(of("AKIA1", "eu-west-1"), later), [("/aws/events/ecs-trace".to_owned(), Some("111122223333".to_owned()), Some(now))]);
        assert!(of("AKIA1", "eu-west-1").read(now + SignedDuration::from_hours(1)).is_empty());
        assert!(of("AKIA1", "eu-west-1").read(now - SignedDuration::from_secs(1)).is_empty(), "a time in the future is a clock that was wrong");
        assert!(of("AKIA2", "eu-west-1").read(now).is_empty() && of("AKIA1", "us-east-1").read(now).is_empty());
        of("AKIA3", "eu-west-1").keep(&[], now);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "that there is none is not kept");
        #[cfg(unix)]
        for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("a file").permissions()) & 0o777, 0o600);
            std::fs::write(file.path(), b"{\"at\": \"then\"").expect("written");
        }
        assert!(of("AKIA1", "eu-west-1").read(now).is_empty(), "what is damaged tells nothing");
        of("AKIA1", "eu-west-1").keep(&groups, now);
        of("AKIA1", "eu-west-1").forget();
        assert!(of("AKIA1", "eu-west-1").read(now).is_empty(), "what is gone is not known");
        KnownGroups::default().keep(&groups, now);
        assert!(KnownGroups::default().read(now).is_empty());
    }
}
