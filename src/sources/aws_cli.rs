//! Credentials from the installed AWS CLI (`aws configure export-credentials`), for profiles that the SDK cannot serve:
//! it asks for MFA codes, which no SDK does, and keeps the session it got for an hour.

use std::process::Stdio;
use std::time::Duration;

use aws_config::profile::ProfileSet;
use aws_credential_types::Credentials;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::Instant;

use super::deadline::Deadline;

/// How far the AWS CLI may be asked.
#[derive(Debug, Clone)]
pub struct AwsCli {
    /// It is given up by then; put off while a person types.
    pub until: Deadline,
    /// Whether there is somebody on a terminal who can be asked.
    pub may_ask: bool,
}

/// Why the AWS CLI gave no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("there is no terminal to ask on")]
    NoTerminal,
    #[error("there is no `aws` on PATH")]
    Missing,
    #[error("the installed `aws` cannot be run ({0})")]
    NotRunnable(String),
    #[error("the installed `aws` is too old: it has no `configure export-credentials`")]
    TooOld,
    #[error("`aws configure export-credentials` failed{}", .0.map(|code| format!(" with return code {code}")).unwrap_or_default())]
    Refused(Option<i32>),
    #[error("`aws configure export-credentials` printed no credentials")]
    Garbled,
    #[error("`aws configure export-credentials` did not answer in time")]
    NoAnswer,
}

/// Credentials are a few hundred letters; what prints more is something else.
const MOST: u64 = 64 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// It is given up so long before the run ends, so that there is time to say why.
const BEFORE_THE_END: Duration = Duration::from_millis(300);

/// Whether the AWS CLI would ask for an MFA code: a role's profile, or one it starts from, has `mfa_serial`.
#[must_use]
pub fn asks_for_mfa(profiles: &ProfileSet, name: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut next = name;
    while let Some(profile) = profiles.get_profile(next) {
        let is_set = |key: &str| profile.get(key).is_some_and(|value| !value.is_empty());
        // Keys of a profile that another one starts from come before its role.
        let is_end = !seen.is_empty() && is_set("aws_access_key_id");
        if is_end || seen.contains(&profile.name()) || !is_set("role_arn") || is_set("web_identity_token_file") {
            return false;
        }
        if is_set("mfa_serial") {
            return true;
        }
        seen.push(profile.name());
        match profile.get("source_profile") {
            Some(source) => next = source,
            None => return false,
        }
    }
    false
}

/// Asks the installed AWS CLI for the profile's credentials. Its questions go to the terminal, its complaints to stderr.
///
/// # Errors
/// If there is no such program, it knows no such command, or gives no credentials in time.
pub async fn credentials(profile: &str, until: &Deadline) -> Result<Credentials, Trouble> {
    // Kept longer than the child, and put back as it was: one that is ended amid its question leaves the echo off.
    let terminal = Terminal::of_this_process();
    let mut child = Command::new("aws")
        .args(["configure", "export-credentials", "--profile", profile, "--format", "process"])
        .env_remove("ECS_TRACE_VIA")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| if error.kind() == std::io::ErrorKind::NotFound { Trouble::Missing } else { Trouble::NotRunnable(error.to_string()) })?;
    let Some(stdout) = child.stdout.take() else { return Err(Trouble::Garbled) };
    let answer = async {
        let mut printed = Vec::new();
        let read = stdout.take(MOST).read_to_end(&mut printed).await;
        (read.map(|_| printed), child.wait().await)
    };
    tokio::pin!(answer);
    let (printed, status) = loop {
        let began = Instant::now();
        tokio::select! {
            answered = &mut answer => break answered,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if terminal.as_ref().is_some_and(Terminal::is_asking) {
                    until.put_off(began.elapsed());
                } else if Instant::now() + BEFORE_THE_END >= until.at() {
                    return Err(Trouble::NoAnswer);
                }
            }
        }
    };
    match status.map_err(|error| Trouble::NotRunnable(error.to_string()))?.code() {
        Some(0) => printed.ok().and_then(|printed| read(&printed)).ok_or(Trouble::Garbled),
        // Bad usage, in version 2 and in version 1: it knows no such command.
        Some(252 | 2) => Err(Trouble::TooOld),
        code => Err(Trouble::Refused(code)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

fn read(printed: &[u8]) -> Option<Credentials> {
    let printed: Printed = serde_json::from_slice(printed).ok()?;
    if printed.version != 1 || printed.access_key_id.is_empty() || printed.secret_access_key.is_empty() {
        return None;
    }
    let expiry = printed.expiration.and_then(|time| DateTime::from_str(&time, Format::DateTimeWithOffset).ok()?.try_into().ok());
    Some(Credentials::new(printed.access_key_id, printed.secret_access_key, printed.session_token, expiry, "aws configure export-credentials"))
}

/// The terminal a person would be asked on, as it was before.
#[cfg(unix)]
struct Terminal {
    device: std::fs::File,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Terminal {
    fn of_this_process() -> Option<Self> {
        let device = std::fs::File::options().read(true).write(true).open("/dev/tty").ok()?;
        let before = rustix::termios::tcgetattr(&device).ok()?;
        Some(Self { device, before })
    }

    /// Somebody is typing what must not be seen.
    fn is_asking(&self) -> bool {
        use rustix::termios::LocalModes;
        self.before.local_modes.contains(LocalModes::ECHO) && rustix::termios::tcgetattr(&self.device).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ECHO))
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_asking() {
            let _ = rustix::termios::tcsetattr(&self.device, rustix::termios::OptionalActions::Now, &self.before);
        }
    }
}

#[cfg(not(unix))]
struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    fn of_this_process() -> Option<Self> {
        None
    }

    fn is_asking(&self) -> bool {
        false
    }
}

/// Whether somebody can be asked: the program has a terminal, wherever its streams lead.
#[must_use]
pub fn has_terminal() -> bool {
    use std::io::IsTerminal;
    #[cfg(unix)]
    let controls_one = Terminal::of_this_process().is_some();
    #[cfg(not(unix))]
    let controls_one = false;
    controls_one || (std::io::stdin().is_terminal() && std::io::stderr().is_terminal())
}

#[cfg(test)]
mod tests {
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use aws_types::os_shim_internal::{Env, Fs};

    use super::*;

    fn asks(name: &str) -> bool {
        let profiles = [
            ("keys", "aws_access_key_id=a mfa_serial=m"),
            ("plain", "role_arn=r source_profile=keys"),
            ("mfa", "role_arn=r source_profile=keys mfa_serial=m"),
            ("empty", "role_arn=r source_profile=keys mfa_serial="),
            ("further", "role_arn=r source_profile=mfa"),
            ("held", "aws_access_key_id=a role_arn=r source_profile=keys mfa_serial=m"),
            ("over-keys", "role_arn=r source_profile=held"),
            ("own", "aws_access_key_id=a role_arn=r source_profile=own mfa_serial=m"),
            ("round", "role_arn=r source_profile=about"),
            ("about", "role_arn=r source_profile=round"),
            ("web", "role_arn=r web_identity_token_file=f mfa_serial=m"),
            ("host", "role_arn=r credential_source=Ec2InstanceMetadata mfa_serial=m"),
            ("lost", "role_arn=r source_profile=nosuch"),
        ];
        let text: String = profiles.iter().map(|(name, keys)| format!("[profile {name}]\n{}\n", keys.replace(' ', "\n"))).collect();
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        asks_for_mfa(&runtime.block_on(aws_config::profile::load(&Fs::real(), &Env::real(), &files, None)).unwrap(), name)
    }

    #[test]
    fn a_code_is_asked_for_where_a_role_or_what_it_starts_from_wants_one() {
        for name in ["mfa", "further", "held", "own", "host"] {
            assert!(asks(name), "{name}");
        }
        for name in ["keys", "plain", "empty", "over-keys", "round", "web", "lost", "nosuch"] {
            assert!(!asks(name), "{name}");
        }
    }

    #[test]
    fn what_it_prints_are_credentials_or_nothing() {
        let whole = read(br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2026-11-24T15:00:00+00:00"}"#).unwrap();
        assert_eq!((whole.access_key_id(), whole.session_token(), whole.expiry().is_some()), ("A", Some("t"), true));
        assert!(read(br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s"}"#).unwrap().expiry().is_none());
        for other in [
            "",
            "export AWS_ACCESS_KEY_ID=A",
            r#"{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "s"}"#,
            r#"{"Version": 1, "AccessKeyId": "", "SecretAccessKey": "s"}"#,
            r#"{"Version": 1}"#,
        ] {
            assert!(read(other.as_bytes()).is_none(), "{other}");
        }
    }
}
