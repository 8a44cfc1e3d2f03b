//! JSON for scripts: whole, one line, or the part a JMESPath expression picks, as the AWS CLI does.

use std::borrow::Cow;

use serde::Serialize;

use crate::render::printable::is_unprintable;
use crate::render::sheet::Sheet;
use crate::render::{html, markdown};

use super::args::{Everywhere, Format};
use super::failure::{Exit, Failure};

/// Whether `--query` can be answered at all, before anything is asked.
///
/// # Errors
/// If it is given without JSON or is no JMESPath expression.
pub fn check(options: &Everywhere) -> Result<(), Failure> {
    match (options.output, &options.query) {
        (_, None) => Ok(()),
        (Format::Text | Format::Markdown | Format::Html, Some(_)) => Err(Failure::usage("--query picks from JSON: add -o json")),
        (_, Some(expression)) => compiled(expression).map(drop),
    }
}

fn compiled(expression: &str) -> Result<jmespath::Expression<'static>, Failure> {
    jmespath::compile(&with_whole_literals(expression))
        .map_err(|error| Failure::usage(format!("--query is no JMESPath expression: {}", error.to_string().lines().next().unwrap_or_default())))
}

/// The AWS CLI takes a literal that is no JSON for a text: `killed` is what people type there, and not `"killed"`.
fn with_whole_literals(expression: &str) -> String {
    let mut whole = String::with_capacity(expression.len());
    let mut letters = expression.char_indices();
    while let Some((at, letter)) = letters.next() {
        whole.push(letter);
        if !matches!(letter, '\'' | '"' | '`') {
            continue;
        }
        // What stands between quotes of any kind is left as it is, a literal apart.
        let rest = &expression[at + 1..];
        let mut is_escaped = false;
        let end = rest.find(|inner| {
            let ends = inner == letter && !is_escaped;
            is_escaped = inner == '\\' && !is_escaped;
            ends
        });
        let Some(end) = end else {
            whole.push_str(rest);
            break;
        };
        let inner = &rest[..end];
        match letter == '`' && serde_json::from_str::<serde_json::Value>(inner).is_err() {
            true => whole.push_str(&serde_json::Value::from(inner.trim_start()).to_string()),
            false => whole.push_str(inner),
        }
        whole.push(letter);
        letters = expression.char_indices();
        letters.by_ref().take_while(|(place, _)| *place < at + 1 + end).for_each(drop);
    }
    whole
}

/// An answer that can be handed on, in the format asked for.
///
/// # Errors
/// As `rendered`.
pub fn handed_on<D: Serialize>(options: &Everywhere, document: impl FnOnce() -> D, text: impl FnOnce() -> String, sheet: impl FnOnce() -> Sheet) -> Result<String, Failure> {
    match options.output {
        Format::Markdown => Ok(markdown::sheet(&sheet())),
        Format::Html => html::sheet(&sheet()).map_err(cannot_fill),
        _ => rendered(options, document, text),
    }
}

pub fn cannot_fill(error: askama::Error) -> Failure {
    Failure::new(Exit::Other, format!("cannot write the answer as HTML: {error}"))
}

/// The answer of a command that has text and JSON alone, in the format asked for.
///
/// # Errors
/// If `--query` is no JMESPath expression or cannot be answered.
pub fn rendered<D: Serialize>(options: &Everywhere, document: impl FnOnce() -> D, text: impl FnOnce() -> String) -> Result<String, Failure> {
    match (options.output, &options.query) {
        (Format::Text | Format::Markdown | Format::Html, _) => Ok(text()),
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

/// A document that is written while its list still grows: byte for byte what it is when printed whole.
pub struct Growing {
    /// Opens the list.
    key: String,
    items: usize,
}

impl Growing {
    /// For a document whose list has this name.
    #[must_use]
    pub fn new(list: &str) -> Self {
        Self { key: format!("\"{list}\": ["), items: 0 }
    }

    /// The next item, with the beginning of `empty`, the document without items, before the first.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn item(&mut self, empty: &impl Serialize, item: &impl Serialize) -> Result<String, Failure> {
        let before = if self.items == 0 { self.parts(empty)?.0 } else { ",".to_owned() };
        self.items += 1;
        Ok(format!("{before}\n    {}", pretty(item)?.trim_end().replace('\n', "\n    ")))
    }

    /// Everything behind the last item, of the document without any.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn end(&self, empty: &impl Serialize) -> Result<String, Failure> {
        let (head, tail) = self.parts(empty)?;
        Ok(if self.items == 0 { head + &tail } else { format!("\n  {tail}") })
    }

    fn parts(&self, empty: &impl Serialize) -> Result<(String, String), Failure> {
        let text = pretty(empty)?;
        let at = text.find(&self.key).map_or(text.len(), |at| at + self.key.len());
        Ok((text[..at].to_owned(), text[at..].to_owned()))
    }
}

fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| escaped(&text).into_owned() + "\n").map_err(cannot)
}

pub fn line(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map(|text| escaped(&text).into_owned() + "\n").map_err(cannot)
}

/// The same JSON, what a terminal would act on or hide as `\u….`: outside ASCII it stands inside texts alone.
fn escaped(json: &str) -> Cow<'_, str> {
    let is_hidden = |letter: char| letter != '\n' && is_unprintable(letter);
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        match is_hidden(letter) {
            true => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
            false => out.push(letter),
        }
    }
    Cow::Owned(out)
}

fn cannot(error: serde_json::Error) -> Failure {
    Failure::new(Exit::Other, format!("cannot write the answer as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_grows_reads_like_one_that_was_whole() {
        for items in [vec![], vec![serde_json::json!({"a": "x\ny", "b": [1, {}]})], vec![serde_json::json!({"a": 1}), serde_json::json!({"b": []})]] {
            let whole = |items: &[serde_json::Value], sources: &[&str]| serde_json::json!({"schemaVersion": 1, "stops": items, "tail": sources});
            let mut growing = Growing::new("stops");
            let mut told: String = items.iter().map(|item| growing.item(&whole(&[], &[]), item).expect("an item")).collect();
            told.push_str(&growing.end(&whole(&[], &["ecs"])).expect("an end"));
            assert_eq!(told, pretty(&whole(&items, &["ecs"])).expect("a document"));
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_reads_as_itself() {
        let text = "\u{9b}2J \u{202e}x \u{7f}\u{1b}\n größe 👍 \u{e0041}";
        let json = line(&text).expect("JSON");
        assert_eq!(json, "\"\\u009b2J \\u202ex \\u007f\\u001b\\n größe 👍 \\udb40\\udc41\"\n");
        assert_eq!(serde_json::from_str::<String>(&json).expect("a text"), text);
    }

    #[test]
    fn a_literal_that_is_no_json_is_a_text_and_everything_else_stays() {
        for (typed, whole) in [
            ("stops[?verdict.cause==`killed`].task.id", "stops[?verdict.cause==`\"killed\"`].task.id"),
            ("a[?b==`3`] | [?c==`\"x\"`]", "a[?b==`3`] | [?c==`\"x\"`]"),
            ("a[?b=='`killed`']", "a[?b=='`killed`']"),
            ("\"quoted`name\".x", "\"quoted`name\".x"),
            ("a[?b==`x` || c==`y z`]", "a[?b==`\"x\"` || c==`\"y z\"`]"),
            ("a[?b==`unended]", "a[?b==`unended]"),
        ] {
            assert_eq!(with_whole_literals(typed), whole);
        }
        assert!(compiled("stops[?verdict.cause==`killed`]").is_ok());
    }
}
