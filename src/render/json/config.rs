//! What `config` prints as JSON, schema version 1: frozen.

use serde::Serialize;

/// What `ecs-trace config -o json` prints.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Config {
    pub schema_version: u32,
    pub file: File,
    pub settings: Vec<Setting>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Absent where no home folder is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub exists: bool,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    pub name: String,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `--cluster`, `ECS_CLUSTER`, `config file`, `config file, [profile.NAME]`, `built in` …
    pub from: String,
    /// The line of the config file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Config {
    /// From name, value (empty where there is none), origin and line.
    pub fn new<'a>(path: Option<String>, exists: bool, settings: impl Iterator<Item = (&'a str, &'a str, &'a str, Option<usize>)>) -> Self {
        let setting = |(name, value, from, line): (&str, &str, &str, Option<usize>)| Setting {
            name: name.to_owned(),
            value: Some(value.to_owned()).filter(|value| !value.is_empty()),
            from: from.to_owned(),
            line,
        };
        Self { schema_version: 1, file: File { path, exists }, settings: settings.map(setting).collect() }
    }
}
