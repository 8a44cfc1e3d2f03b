//! One run of the binary in a world of its own: nothing of the developer's environment reaches it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::fake_aws::FakeAws;

pub const BINARY: &str = env!("CARGO_BIN_EXE_ecs-trace");

#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The JSON on stdout, held against the published schema.
    #[track_caller]
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"));
        let many = value.get("stops").is_some() || value.get("groups").is_some();
        let published = if many { include_str!("../../docs/json/v1-stops.schema.json") } else { include_str!("../../docs/json/v1.schema.json") };
        let schema: Value = serde_json::from_str(published).unwrap();
        if let Err(error) = jsonschema::validate(&schema, &value) {
            panic!("not of the published schema: {error}");
        }
        value
    }

    #[track_caller]
    pub fn code(self, wanted: &[i32]) -> Self {
        assert!(wanted.contains(&self.code), "code {}, wanted {wanted:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// A command line with an empty environment, its own home, UTC and no colour.
pub fn program(arguments: &[&str]) -> Command {
    let home = std::env::temp_dir().join(format!("ecs-trace-test-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env_clear()
        .env("HOME", &home)
        .env("TZ", "UTC")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .current_dir(&home)
        .stdin(Stdio::null());
    command
}

/// The same with credentials, and the fake as every AWS endpoint.
pub fn against(aws: &FakeAws, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("AWS_ENDPOINT_URL", &aws.url).env("AWS_REGION", &aws.region).env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
    command
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran { code: output.status.code().unwrap_or(-1), stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

pub fn run_with_input(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran { code: output.status.code().unwrap_or(-1), stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Status of one source in a document; several entries are joined.
pub fn statuses(document: &Value, source: &str) -> Vec<String> {
    document["sources"].as_array().unwrap().iter().filter(|entry| entry["source"] == source).map(|entry| entry["status"].as_str().unwrap().to_owned()).collect()
}
