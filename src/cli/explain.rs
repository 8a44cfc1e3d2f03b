//! `explain`: what a code or a message means. Offline.

use clap::Args;

use crate::diagnosis::catalogue;
use crate::render::Page;
use crate::render::columns::wrapped;

use super::Done;
use super::args::{Everywhere, Format};
use super::failure::{Exit, Failure};
use super::screen::Screen;

/// Explain an exit code, a stop code, or a message pasted from anywhere
///
/// Offline and at once: no account, no request.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace explain 137
  ecs-trace explain \"Task failed ELB health checks in (target-group …)\"")]
pub struct Arguments {
    /// The code or the text
    #[arg(value_name = "CODE OR TEXT", required = true, num_args = 1.., allow_negative_numbers = true)]
    text: Vec<String>,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen) -> Done {
    let text = arguments.text.join(" ");
    let found = catalogue::explain(&text);
    if found.is_empty() {
        let keys: Vec<&str> = catalogue::entries().map(|entry| entry.key).collect();
        // A number is no slip: another one means another thing.
        let keys = if text.trim().trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) { Vec::new() } else { keys };
        return Err(Failure::usage(format!("nothing is known of `{text}`"))
            .meant(&text, &keys)
            .hint("known are exit codes, stop codes, error names and ECS's reasons; TAB lists them"));
    }
    let told = match options.output {
        Format::Text | Format::Markdown | Format::Html => found.iter().map(|entry| paragraph(entry, &screen.page)).collect::<Vec<_>>().join("\n"),
        Format::Json | Format::Jsonl => {
            let entries: Vec<_> = found.iter().map(|entry| serde_json::json!({"key": entry.key, "means": entry.means, "then": entry.then})).collect();
            serde_json::json!({"schemaVersion": 1, "explained": entries}).to_string() + "\n"
        }
    };
    screen.answer(&told)?;
    Ok(Exit::Answered)
}

fn paragraph(entry: &catalogue::Entry, page: &Page) -> String {
    let head = format!("{}: {}", entry.key, entry.means);
    let mut lines: Vec<String> = wrapped(&head, page.measure()).iter().map(|line| page.look.paint(&page.look.strong, line)).collect();
    lines.extend(wrapped(entry.then, page.measure() - 2).iter().map(|line| format!("  {line}")));
    lines.join("\n") + "\n"
}
