//! A sheet as GitHub-flavoured Markdown, to be pasted into an issue, a ticket or a chat.
//!
//! Escapes do not do: GitHub looks for mentions, issues and addresses in what the escapes leave. Code spans do, and read well
//! where Markdown is not rendered. So words stay words, and whatever could be more than a word stands in a span.

use std::collections::BTreeSet;

use super::columns::{padded, width};
use super::list::{Cell, Entry, List};
use super::sheet::{Caller, Container, Deed, Piece, Prose, Row, Sheet, Shown, Step, Table, Told};
use super::told::ALL_OF_IT;

/// The sheet, block by block.
#[must_use]
pub fn sheet(sheet: &Sheet) -> String {
    let mut out = vec![format!("## {} {}", capital(sheet.kind), span(&sheet.name))];
    let facts: Vec<String> = sheet.facts.iter().map(words).collect();
    out.push(facts.join(" · "));
    if let Some(caller) = &sheet.caller {
        out.extend(told_caller(caller));
    }
    if let Some(verdict) = &sheet.verdict {
        out.extend(told_verdict(verdict));
    }
    out.extend(sheet.table.as_ref().map(table));
    for one in &sheet.containers {
        out.extend(container(one));
    }
    if !sheet.steps.is_empty() {
        out.push("### Next".to_owned());
        out.push(sheet.steps.iter().enumerate().map(|(at, one)| step(at + 1, one)).collect::<Vec<_>>().join("\n"));
    }
    let mut list: Vec<String> = sheet.others.iter().map(|other| item(&capital(other.label), &prose(&other.text))).collect();
    list.extend(Some(joined(&sheet.seen)).filter(|seen| !seen.is_empty()).map(|seen| item("Seen", &seen)));
    list.extend(sheet.unseen.iter().map(|gap| item("Not seen", &words(gap))));
    list.extend(Some(joined(&sheet.absent)).filter(|absent| !absent.is_empty()).map(|absent| item("Cannot exist here", &absent)));
    if !list.is_empty() {
        out.push(list.join("\n"));
    }
    out.push(format!("As of {}, by ecs-trace", words(&sheet.as_of)));
    out.retain(|block| !block.is_empty());
    out.join("\n\n") + "\n"
}

fn told_verdict(verdict: &Told) -> Vec<String> {
    let mut out = vec![format!("**{} {}** {}", verdict.mark.sign(), prose(&verdict.headline), prose(&verdict.summary)).trim_end().to_owned()];
    out.extend(verdict.who.as_ref().map(|who| format!("**Who:** {}", prose(who))));
    out.extend(verdict.notes.iter().map(|note| format!("**Note:** {}", prose(note))));
    out
}

fn told_caller(caller: &Caller) -> Vec<String> {
    let mut out = vec![format!("**Who stopped it:** {}", prose(&caller.sentence))];
    for (place, query) in &caller.queries {
        out.push((*place).to_owned());
        out.push(fenced("", "sql", &[query.as_str().to_owned()]));
    }
    for (title, deeds) in [("", &caller.chain), ("Refused attempts; they did not stop it:", &caller.attempts), ("Accepted too, and not taken for the cause:", &caller.accepted_too)]
    {
        if !deeds.is_empty() {
            out.push(title.to_owned());
            out.push(deeds.iter().map(deed).collect::<Vec<_>>().join("\n"));
        }
    }
    out
}

fn deed(deed: &Deed) -> String {
    let time = if deed.time.as_str().is_empty() { String::new() } else { format!(", {}", words(&deed.time)) };
    let details: String = deed.details.iter().map(|detail| format!("\n  - {}", prose(detail))).collect();
    format!("- {}{time}{details}", prose(&deed.what))
}

/// What stands before the rows of a list, and the rows that are at hand.
#[must_use]
pub fn head(list: &List) -> String {
    let cells: Vec<String> = list.columns.iter().map(|column| (*column).to_owned()).collect();
    format!("## {}\n\n{}{}", words(&list.title), line(&cells), line(&vec!["---".to_owned(); cells.len()]))
}

/// The next rows. They may come piece by piece, so none knows how wide the others are.
#[must_use]
pub fn rows(entries: &[Entry]) -> String {
    entries.iter().map(|entry| line(&entry.0.iter().map(told).collect::<Vec<_>>())).collect()
}

fn told(cell: &Cell) -> String {
    match cell {
        Cell::Head(text) | Cell::Quoted(text) => span(text),
        Cell::Words(text) => words(text),
        Cell::Marked(mark, text) => format!("{} {}", mark.sign(), words(text)),
    }
}

/// What stands behind the rows.
#[must_use]
pub fn tail(list: &List, is_empty: bool, unseen: &[Shown]) -> String {
    let empty = if is_empty { "No stopped task.\n\n" } else { "" };
    let gaps: String = unseen.iter().map(|gap| item("Not seen", &words(gap)) + "\n").collect();
    let gap = if gaps.is_empty() { "" } else { "\n" };
    format!("\n{empty}{gaps}{gap}As of {}, by ecs-trace\n", words(&list.as_of))
}

/// One stop as an item of a list, and the command that tells all of it.
#[must_use]
pub fn briefly(entry: &Entry, command: &Shown) -> String {
    format!("- {}: {}\n\n", entry.0.iter().map(told).filter(|told| !told.is_empty()).collect::<Vec<_>>().join(" · "), span(command))
}

/// One row. What would end a cell is written as GitHub's Markdown wants it, in spans too.
fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
}

/// Its columns are in line also where it is read as it is written; only the last may be of any length.
fn table(table: &Table) -> String {
    let cells = |row: &Row| {
        let text = [row.sign, &span(&row.text)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let tie = if row.tied { "~" } else { "" };
        [row.n.to_string(), format!("{}{tie}", row.time), row.offset.to_string(), words(&row.witness), text]
    };
    let mut rows = vec![["n".to_owned(), format!("Time ({})", table.zone), "Offset".to_owned(), "Witness".to_owned(), "What".to_owned()]];
    rows.extend(table.rows.iter().map(cells));
    grid(&rows)
}

/// The rows below the first, which is their head.
fn grid<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [3; N];
    for row in rows {
        for (at, cell) in row.iter().enumerate().take(N - 1) {
            widths[at] = widths[at].max(width(cell));
        }
    }
    // The last one may be of any length, and is not drawn out.
    let laid = |row: &[String; N]| line(&row.iter().enumerate().map(|(at, cell)| if at + 1 < N { padded(cell, widths[at]) } else { cell.clone() }).collect::<Vec<_>>());
    let mut out: Vec<String> = rows.iter().map(laid).collect();
    out.insert(1.min(out.len()), line(&widths.map(|width| "-".repeat(width))));
    out.concat().trim_end().to_owned()
}

fn container(container: &Container) -> Vec<String> {
    let mut out = vec![format!("### {}", words(&container.end))];
    match &container.table {
        None => out.push(capital(container.silence) + "."),
        Some(table) => {
            let line = |(before, row): (String, &Row)| format!("{before}{} {}", padded(row.sign, 1), row.text);
            out.push(format!("Times in {}:", table.zone));
            out.push(fenced("", "text", &table.laid().into_iter().map(line).collect::<Vec<_>>()));
        }
    }
    if let Some(command) = &container.command {
        out.push(capital(ALL_OF_IT));
        out.push(fenced("", "sh", &[command.as_str().to_owned()]));
    }
    out
}

fn step(number: usize, step: &Step) -> String {
    let number = format!("{number}. ");
    let indent = " ".repeat(number.len());
    let language = |command: &Shown| if command.as_str().starts_with("SELECT ") { "sql" } else { "sh" };
    let command = step.command.as_ref().map(|command| format!("\n{}", fenced(&indent, language(command), &[command.as_str().to_owned()]))).unwrap_or_default();
    format!("{number}{}{command}", prose(&step.text))
}

fn item(label: &str, text: &str) -> String {
    format!("- **{label}:** {text}")
}

fn joined(texts: &[Shown]) -> String {
    texts.iter().map(words).collect::<Vec<_>>().join(" · ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// How long a fence may be: GitHub's renderer knows none around a span that is longer than 80, and counts no further than 255
/// around a block. <https://github.com/github/cmark-gfm>: `MAXBACKTICKS` in `src/inlines.c`, `fence_length` in `src/node.h`
const LONGEST_AROUND_A_SPAN: usize = 80;
const LONGEST_AROUND_A_BLOCK: usize = 255;

/// Lines as a block of code, copied from it as they are.
fn fenced(indent: &str, language: &str, lines: &[String]) -> String {
    let ticks = lines.iter().flat_map(|line| runs(line)).max().unwrap_or_default();
    if ticks >= LONGEST_AROUND_A_BLOCK {
        return fenced(indent, language, &lines.iter().map(|line| spelled_out(line)).collect::<Vec<_>>());
    }
    let fence = "`".repeat((ticks + 1).max(3));
    let lines: String = lines.iter().map(|line| format!("{indent}{}\n", line.trim_end())).collect();
    format!("{indent}{fence}{language}\n{lines}{indent}{fence}")
}

/// Text as a span of code, which holds nothing but letters for whoever renders it.
fn span(text: &Shown) -> String {
    code(text.as_str())
}

fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    // It ends at the first run that is as long as the fence, so it may hold any other.
    let within: BTreeSet<usize> = runs(text).collect();
    let Some(free) = (1..=LONGEST_AROUND_A_SPAN).find(|length| !within.contains(length)) else {
        return code(&spelled_out(text));
    };
    let fence = "`".repeat(free);
    // One blank at both ends is taken off again; of blanks alone none is.
    let is_stripped = text.starts_with(' ') && text.ends_with(' ') && !text.trim_matches(' ').is_empty();
    let pad = if is_stripped || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// How many backticks stand side by side, wherever some do.
fn runs(text: &str) -> impl Iterator<Item = usize> {
    text.split(|letter| letter != '`').map(str::len).filter(|length| *length > 0)
}

/// Of more backticks than any fence can hold, each is written as what cannot be printed is.
fn spelled_out(text: &str) -> String {
    text.replace('`', "\\u{60}")
}

/// A sentence: its words, what it quotes as code, its lines by number.
fn prose(prose: &Prose) -> String {
    let mut out = String::new();
    for piece in &prose.0 {
        match piece {
            Piece::Words(text) => plain_words(text.as_str(), &mut out),
            Piece::Quoted(text) => out.push_str(&span(text)),
            Piece::Cite(n) => out.push_str(&format!("[{n}]")),
        }
    }
    // Blanks at the beginning of a block would make it one of code.
    out.trim_start().to_owned()
}

/// A name or a sentence without lines.
fn words(text: &Shown) -> String {
    let mut out = String::new();
    plain_words(text.as_str(), &mut out);
    out.trim_start().to_owned()
}

/// What may stand before a word and behind it without being a part of it, and begins nothing in Markdown.
const BEFORE: [char; 5] = ['(', '"', '\'', '“', '‘'];
const BEHIND: [char; 10] = ['.', ',', ';', ':', '?', ')', '"', '\'', '”', '’'];

fn plain_words(text: &str, out: &mut String) {
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let rest = word.trim_start_matches(BEFORE);
        let bare = rest.trim_end_matches([BEHIND.as_slice(), &['“', '‘', '…']].concat().as_slice());
        // At the beginning of a block a number with its point would begin a list.
        let begins_list = out.is_empty() && !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) && bare.len() < rest.len();
        // GitHub links what begins like a host, were it nothing but dots behind it.
        let begins_host = rest.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www."));
        let bare = if begins_host && bare.eq_ignore_ascii_case("www") { rest } else { bare };
        if begins_list || begins_host || !(bare.is_empty() || is_plain(bare)) {
            let (kept, behind) = if begins_list { (word, "") } else { (bare, &rest[bare.len()..]) };
            out.push_str(if begins_list { "" } else { &word[..word.len() - rest.len()] });
            out.push_str(&code(kept));
            out.push_str(behind);
        } else {
            out.push_str(word);
        }
    }
}

/// Whether it is a word, a number, a time or a sign, whoever renders it: no address, no name of somebody, no number of an
/// issue or a commit, nothing that Markdown takes for a mark.
fn is_plain(word: &str) -> bool {
    let is_sign = |letter: char| matches!(letter, '–' | '—' | '…' | '×' | '✓' | '✗' | '·' | '’' | '\'');
    let is_letter = |letter: char| if letter.is_ascii() { letter.is_ascii_alphanumeric() } else { letter.is_alphanumeric() || is_sign(letter) };
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_like_a_commit = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_count = word.starts_with(|first: char| first.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ':' | '.' | '-' | '–' | '%'))
        && word.matches('.').count() <= 2;
    // `out-of-memory` is a word, `ABC-12` an issue.
    let is_compound =
        !has_digit && !word.starts_with('-') && !word.ends_with('-') && !word.contains("--") && word.chars().all(|letter| letter == '-' || is_letter(letter) || is_sign(letter));
    !is_like_a_commit && (is_count || is_compound || word.chars().all(|letter| is_letter(letter) || is_sign(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        words(&Shown::of(text))
    }

    #[test]
    fn words_stay_words_and_whatever_could_be_more_stands_in_a_span() {
        assert_eq!(told("It used 511 of 512 MiB, 75% (13:02:11–13:02:27) out-of-memory."), "It used 511 of 512 MiB, 75% (13:02:11–13:02:27) out-of-memory.");
        for (text, shown) in [
            ("the micro-VM's own, ABC-1's", "the micro-VM's own, `ABC-1's`"),
            ("by @here.", "by `@here`."),
            ("(#123)", "(`#123`)"),
            ("GH-12 INC-2209", "`GH-12` `INC-2209`"),
            ("deadbeef 9f2c41d", "`deadbeef` `9f2c41d`"),
            ("www.evil.example, me@evil.example", "`www.evil.example`, `me@evil.example`"),
            ("a_b_ *c* ~d~ $e$ :f:", "`a_b_` `*c*` `~d~` `$e$` `:f`:"),
            ("![x](http://e/p.png)", "`![x](http://e/p.png`)"),
            ("[1]: http://e", "`[1]`: `http://e`"),
            ("&lt; <b> \\` | --", "`&lt`; `<b>` `` \\` `` `|` `--`"),
            ("1. - x", "`1.` `-` x"),
            ("exit 1.", "exit 1."),
            ("- # > +", "`-` `#` `>` `+`"),
        ] {
            assert_eq!(told(text), shown);
        }
    }

    #[test]
    fn a_span_and_a_block_are_fenced_by_what_they_do_not_hold() {
        for (text, shown) in
            [("a", "`a`"), ("`", "`` ` ``"), ("a``b", "`a``b`"), ("a``b`c", "```a``b`c```"), (" a ", "`  a  `"), ("  ", "`  `"), (" a", "` a`"), ("x`", "`` x` ``")]
        {
            assert_eq!(code(text), shown);
        }
        assert_eq!(fenced("  ", "sh", &["a ````".to_owned()]), "  `````sh\n  a ````\n  `````");
    }

    #[test]
    fn more_backticks_than_any_fence_holds_end_none() {
        let many = |length: usize| "`".repeat(length);
        for length in [79, 80, 81, 254, 255, 256, 100_000] {
            let text = format!("{} <b>", many(length));
            assert_eq!(rendered(&format!("x {}", code(&text))), format!("<p>x <code>{}</code></p>\n", escaped(&text)), "{length}");
        }
        let every: String = (1..=LONGEST_AROUND_A_SPAN).map(|length| format!("{} <b> ", many(length))).collect();
        assert_eq!(rendered(&code(&every)), format!("<p><code>{}</code></p>\n", escaped(&every.replace('`', "\\u{60}"))));
        let block = |length: usize| fenced("", "sh", &[many(length), "<b>".to_owned()]);
        assert_eq!(block(254), format!("{0}sh\n{1}\n<b>\n{0}", many(255), many(254)));
        assert_eq!(block(255), format!("```sh\n{}\n<b>\n```", "\\u{60}".repeat(255)));
    }

    #[test]
    fn a_bar_ends_no_cell() {
        assert_eq!(grid(&[["a".to_owned(), "b".to_owned()], ["`x|y`".to_owned(), "`\\|`".to_owned()]]), "| a     | b |\n| ----- | --- |\n| `x\\|y` | `\\\\|` |");
    }

    /// As GitHub renders it, raw HTML let through.
    fn rendered(text: &str) -> String {
        let mut options = comrak::Options::default();
        (options.extension.table, options.extension.autolink, options.extension.strikethrough, options.extension.tasklist) = (true, true, true, true);
        (options.extension.footnotes, options.extension.alerts, options.extension.math_dollars, options.extension.math_code) = (true, true, true, true);
        options.render.r#unsafe = true;
        comrak::markdown_to_html(text, &options)
    }

    fn escaped(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_text_holds_it_is_rendered_as_itself(text in "([`|\\\\]|[*_~$<>&\\[\\]()!#@:./=+^{}\"' -]|[a-c0-2]|www\\.|https?://|&lt;|\u{a0}|é|✗){1,24}") {
            let shown = Shown::of(&text);
            let table = rendered(&grid(&[["a".to_owned(), "b".to_owned()], [words(&shown), span(&shown)]]));
            // A backslash before a bar: this renderer keeps one too many, GitHub's own does not.
            let bare = |text: &str| text.replace('\\', "");
            proptest::prop_assert!(bare(&table).contains(&bare(&format!("<td><code>{}</code></td>\n</tr>", escaped(&text)))), "{table}");
            let bare: String = rendered(&format!("x {}", words(&shown))).replace("<code>", "").replace("</code>", "");
            // Blanks at the end of a paragraph are none.
            proptest::prop_assert_eq!(bare.trim_end(), format!("<p>{}</p>", format!("x {}", escaped(text.trim_matches(' '))).trim_end_matches(' ')));
        }
    }
}
