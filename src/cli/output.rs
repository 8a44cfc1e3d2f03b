//! JSON for scripts: whole, one line, or the part a JMESPath expression picks, as the AWS CLI does.

use serde::Serialize;

use super::args::{Everywhere, Format};
use super::failure::{Exit, Failure};

/// Whether `--query` can be answered at all, before anything is asked.
///
/// # Errors
/// If it is given without JSON or is no JMESPath expression.
pub fn check(options: &Everywhere) -> Result<(), Failure> {
    match (options.output, &options.query) {
        (_, None) => Ok(()),
        (Format::Text, Some(_)) => Err(Failure::usage("--query picks from JSON: add -o json")),
        (_, Some(expression)) => compiled(expression).map(drop),
    }
}

fn compiled(expression: &str) -> Result<jmespath::Expression<'static>, Failure> {
    jmespath::compile(expression).map_err(|error| Failure::usage(format!("--query is no JMESPath expression: {}", error.to_string().lines().next().unwrap_or_default())))
}

/// The answer in the format asked for.
///
/// # Errors
/// If `--query` is no JMESPath expression or cannot be answered.
pub fn rendered<D: Serialize>(options: &Everywhere, document: impl FnOnce() -> D, text: impl FnOnce() -> String) -> Result<String, Failure> {
    match (options.output, &options.query) {
        (Format::Text, _) => Ok(text()),
        (Format::Json, None) => pretty(&document()),
        (Format::Jsonl, None) => line(&document()),
        (format, Some(expression)) => {
            let compiled = compiled(expression)?;
            let text = serde_json::to_string(&document()).map_err(cannot)?;
            let data = jmespath::Variable::from_json(&text).map_err(|error| Failure::new(Exit::Other, format!("cannot query the answer: {error}")))?;
            let picked = compiled.search(data).map_err(|error| Failure::usage(format!("--query failed: {}", error.to_string().lines().next().unwrap_or_default())))?;
            let value = serde_json::to_value(&*picked).map_err(cannot)?;
            if format == Format::Json { pretty(&value) } else { line(&value) }
        }
    }
}

fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(cannot)
}

pub fn line(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map(|text| text + "\n").map_err(cannot)
}

fn cannot(error: serde_json::Error) -> Failure {
    Failure::new(Exit::Other, format!("cannot write the answer as JSON: {error}"))
}
