//! The picker as it looks: what was typed, the list, and what ECS says of the one that is meant.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::diagnosis::brief::Stop;
use crate::diagnosis::words;
use crate::render::Page;
use crate::render::columns::{cut, padded, width, wrapped};
use crate::render::printable::printable;
use crate::render::stops::{FEWEST_LETTERS, Letters, age};

use super::super::letters;
use super::choice::Choice;

/// Lines for what ECS says of the one that is meant.
const PREVIEW: u16 = 6;
/// Below so many lines the list needs them all.
const ROOM_FOR_PREVIEW: u16 = 14;

/// Colours only where the page has them.
struct Paint {
    is_coloured: bool,
}

impl Paint {
    fn in_colour(&self, colour: Color) -> Style {
        if self.is_coloured { Style::new().fg(colour).add_modifier(Modifier::BOLD) } else { Style::new() }
    }

    fn faint(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
}

pub fn draw(frame: &mut Frame<'_>, choice: &Choice, page: &Page) {
    let paint = Paint { is_coloured: !page.look.is_plain() };
    let height = frame.area().height;
    let preview = if height >= ROOM_FOR_PREVIEW { PREVIEW } else { 0 };
    let [prompt, head, list, below, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1), Constraint::Length(preview), Constraint::Length(1)]).areas(frame.area());
    draw_prompt(frame, prompt, choice, &paint);
    draw_list(frame, head, list, choice, &paint);
    if let Some(stop) = choice.meant().filter(|_| preview > 0) {
        draw_preview(frame, below, stop, choice, page, &paint);
    }
    frame.render_widget(Paragraph::new("type to narrow down · ↑ ↓ move · Enter traces it · Esc leaves").style(paint.faint()), keys);
}

/// For a terminal of other letters: whatever was drawn, each cell as wide as it was.
pub fn spell_in_ascii(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        if let Cow::Owned(spelled) = letters::in_text(cell.symbol()) {
            cell.set_symbol(&spelled);
        }
    }
}

fn draw_prompt(frame: &mut Frame<'_>, area: Rect, choice: &Choice, paint: &Paint) {
    let (fitting, all) = (choice.fitting().len(), choice.all().len());
    let count = if fitting == all { words::count(all, "stopped task") } else { format!("{fitting} of {all}") };
    let state = match (&choice.gap, choice.is_filling()) {
        (_, true) => ", still reading …".to_owned(),
        (Some(gap), false) => format!("; not read: {}", printable(gap)),
        (None, false) => String::new(),
    };
    let typed = printable(&choice.typed).into_owned();
    let told = format!("{count}{state}");
    let columns = usize::from(area.width);
    let left = format!("> {typed}");
    let told = cut(&told, columns.saturating_sub(width(&left) + 3));
    let gap = columns.saturating_sub(width(&left) + width(&told));
    let line = Line::from(vec![Span::styled(left.clone(), Style::new().add_modifier(Modifier::BOLD)), Span::raw(" ".repeat(gap)), Span::styled(told, paint.faint())]);
    frame.render_widget(Paragraph::new(line), area);
    let cursor = u16::try_from(width(&left)).unwrap_or(area.width).min(area.width.saturating_sub(1));
    frame.set_cursor_position((area.x + cursor, area.y));
}

fn draw_list(frame: &mut Frame<'_>, head: Rect, area: Rect, choice: &Choice, paint: &Paint) {
    let columns = usize::from(area.width);
    let several = choice.all().iter().any(|stop| stop.task().cluster != choice.all()[0].task().cluster);
    let widest = |cell: fn(&Stop) -> String, most: usize| choice.all().iter().map(|stop| width(&cell(stop))).max().unwrap_or(0).clamp(7, most.max(7));
    let (service, cluster) = (widest(Stop::of_what, columns / 3), if several { widest(|stop| stop.task().cluster.clone(), columns / 5) } else { 0 });
    let cause = widest(|stop| stop.cause_in_a_word().to_owned(), 24);
    let letters = Letters::of(choice.all(), FEWEST_LETTERS);
    // A row cannot hold a whole id beside the rest: there the preview tells it.
    let task_columns = choice.all().iter().map(|stop| width(letters.shown(&stop.task().id))).max().unwrap_or(0).clamp(FEWEST_LETTERS, (columns / 5).max(FEWEST_LETTERS));
    let shown = |id: &str| {
        let beginning = letters.shown(id);
        // Of a beginning that is too long for its column the end tells one from the other.
        match beginning.get(beginning.len().saturating_sub(task_columns - 1)..).filter(|_| beginning.len() > task_columns) {
            Some(end) => format!("…{end}"),
            None => beginning.to_owned(),
        }
    };
    let row = |cells: [&str; 6]| {
        let [mark, age, task, of, at, why] = cells;
        let mut text = format!("{} {}  {}  {}  ", padded(mark, 1), padded(age, 3), padded(task, task_columns), padded(&cut(of, service), service));
        if several {
            text.push_str(&format!("{}  ", padded(&cut(at, cluster), cluster)));
        }
        text.push_str(&padded(&cut(why, cause), cause));
        text
    };
    frame.render_widget(Paragraph::new(cut(&format!("  {}  WHAT ECS SAYS", row([" ", "AGE", "TASK", "SERVICE", "CLUSTER", "CAUSE"])), columns)).style(paint.faint()), head);
    if choice.fitting().len() == 0 && !choice.is_empty() {
        let told = cut(&printable(&format!("  no stopped task is like `{}`: Backspace widens it, Ctrl-U shows all", choice.typed)), columns);
        frame.render_widget(Paragraph::new(told).style(paint.faint()), area);
        return;
    }
    let rows = usize::from(area.height);
    // The one that is meant is always in sight.
    let first = choice.selected().saturating_sub(rows.saturating_sub(1));
    let lines: Vec<Line<'_>> = choice
        .fitting()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(at, stop)| {
            let verdict = &stop.trace.verdict;
            let (mark, colour) = match verdict.cause.as_str() {
                "unknown" => ("?", Color::Yellow),
                _ if verdict.expected => ("✓", Color::Green),
                _ => ("✗", Color::Red),
            };
            let is_meant = at == choice.selected();
            let (id, of, cluster) = (printable(&stop.task().id).into_owned(), printable(&stop.of_what()).into_owned(), printable(&stop.task().cluster).into_owned());
            let told = row([mark, &age(stop.at(), choice.now), &shown(&id), &of, &cluster, stop.cause_in_a_word()]);
            let pointer = if is_meant { "▌ " } else { "  " };
            let words = cut(&printable(&stop.words()), columns.saturating_sub(width(&told) + 4));
            let (front, rest) = told.split_at(mark.len());
            let line = Line::from(vec![
                Span::raw(pointer),
                Span::styled(front.to_owned(), paint.in_colour(colour)),
                Span::raw(rest.to_owned()),
                Span::raw("  "),
                Span::styled(words, paint.faint()),
            ]);
            if is_meant { line.style(Style::new().add_modifier(Modifier::REVERSED)) } else { line }
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_preview(frame: &mut Frame<'_>, area: Rect, stop: &Stop, choice: &Choice, page: &Page, paint: &Paint) {
    let columns = usize::from(area.width);
    let task = stop.task();
    let mut lines = vec![Line::styled("─".repeat(columns), paint.faint())];
    let when = stop.at().map(|at| format!(", stopped {} ago at {}", age(Some(at), choice.now), page.clock.full(at))).unwrap_or_default();
    let whole = format!("{}/{}{when}", task.cluster, task.id);
    let told = match width(&whole) <= columns {
        true => whole,
        false => format!("{}/{}…{when}", task.cluster, Letters::of(choice.all(), FEWEST_LETTERS).shown(&task.id)),
    };
    lines.push(Line::styled(cut(&printable(&told), columns), Style::new().add_modifier(Modifier::BOLD)));
    let ended: Vec<String> = task.containers.iter().filter_map(|container| Some(format!("{} {}", container.name, container.exit_code?))).collect();
    let words = stop.words();
    let mut sentences = vec![stop.trace.verdict.headline.clone()];
    sentences.extend(task.stopped_reason.clone());
    sentences.extend(Some(words).filter(|words| task.stopped_reason.as_ref() != Some(words)));
    sentences.extend((ended.len() > 1).then(|| format!("Exit codes: {}", ended.join(", "))));
    let told: Vec<&str> = sentences.iter().map(|sentence| sentence.trim_end_matches('.')).collect();
    let told = printable(&format!("{}.", told.join(". "))).into_owned();
    lines.extend(wrapped(&told, columns).into_iter().take(usize::from(area.height).saturating_sub(lines.len())).map(Line::raw));
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::diagnosis::rules::fixtures::stopped;
    use crate::render::clock::Clock;
    use crate::render::look::Look;

    fn drawn(columns: u16, rows: u16, typed: &str) -> Vec<String> {
        let now = Timestamp::from_second(2_000_000_000).expect("a time");
        let mut choice = Choice::new(now);
        let stop = |id: &str, service: &str, code: i64, ago: i64| {
            let mut task = stopped("EssentialContainerExited", "Essential container in task exited", Some(code)).task;
            (task.id, task.service, task.cluster) = (id.repeat(8), Some(service.to_owned()), "prod".to_owned());
            task.times.stopped = Timestamp::from_second(2_000_000_000 - ago).ok();
            Stop::of(task, now)
        };
        choice.add((0..40).map(|at| stop(&format!("a{at:02}f"), "web-api", 1, 60 * at)).collect());
        choice.add(vec![stop("\u{1b}[2J", "billing\nand more", 139, 600)]);
        for letter in typed.chars() {
            choice.press(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        }
        let page = Page { width: Some(usize::from(columns)), look: Look::plain(), clock: Clock::utc() };
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
        terminal.draw(|frame| draw(frame, &choice, &page)).expect("a picture");
        let buffer = terminal.backend().buffer().clone();
        (0..rows).map(|y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn the_list_the_preview_and_the_keys_have_their_places() {
        let lines = drawn(100, 24, "");
        assert!(lines[0].starts_with(">") && lines[0].ends_with("41 stopped tasks, still reading …"), "{}", lines[0]);
        assert!(lines[1].contains("AGE") && lines[1].contains("WHAT ECS SAYS"));
        assert!(lines[2].starts_with("▌ ✗ 0s") && lines[2].contains("web-api (web:") && lines[2].contains("app-error"), "{}", lines[2]);
        assert!(lines[18].starts_with("prod/a00f"), "{lines:#?}");
        assert!(lines[19].contains("Essential container in task exited") && lines[19].ends_with("app exited 1."), "{}", lines[19]);
        assert!(lines[23].contains("Esc leaves"));
    }

    #[test]
    fn where_nothing_fits_it_is_said_and_the_zone_of_a_stop_is_never_cut() {
        let lines = drawn(80, 20, "zzzz");
        assert!(lines[2].contains("no stopped task is like `zzzz`"), "{lines:#?}");
        let preview = drawn(80, 24, "");
        assert!(preview[18].starts_with("prod/a00fa00f") && preview[18].ends_with(" UTC"), "{preview:#?}");
    }

    #[test]
    fn ids_that_begin_alike_are_told_apart() {
        let now = Timestamp::from_second(2_000_000_000).expect("a time");
        let mut choice = Choice::new(now);
        let ids = ["ba7c000000000000000000000000ba01", "ba7c000000000000000000000000ba02"];
        choice.add(ids.map(|id| Stop::of(crate::diagnosis::task::Task { id: id.to_owned(), ..stopped("TaskFailedToStart", "AGENT", None).task }, now)).to_vec());
        let mut terminal = Terminal::new(TestBackend::new(80, 10)).expect("a terminal");
        let page = Page { width: Some(80), look: Look::plain(), clock: Clock::utc() };
        terminal.draw(|frame| draw(frame, &choice, &page)).expect("a picture");
        let buffer = terminal.backend().buffer().clone();
        let rows: Vec<String> = (2..4).map(|y| (0..80).map(|x| buffer[(x, y)].symbol()).collect()).collect();
        assert!(rows.iter().any(|row| row.contains("ba01 ")) && rows.iter().any(|row| row.contains("ba02 ")), "{rows:#?}");
    }

    #[test]
    fn what_is_typed_narrows_it_down_and_hostile_names_stay_on_their_line() {
        let lines = drawn(80, 20, "segm");
        assert!(lines[0].starts_with("> segm") && lines[0].contains("1 of 41"), "{}", lines[0]);
        assert!(lines[2].contains("billing␤and more"), "{}", lines[2]);
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
    }

    #[test]
    fn whatever_stands_in_a_task_its_row_and_its_preview_are_letters_alone() {
        let now = Timestamp::from_second(2_000_000_000).expect("a time");
        for text in crate::fuzz::HOSTILE.iter() {
            let mut task = stopped("EssentialContainerExited", text, Some(1)).task;
            (task.id, task.cluster, task.service, task.family) = (text.clone(), text.clone(), Some(text.clone()), Some(text.clone()));
            task.containers[0].name.clone_from(text);
            task.containers[0].reason = Some(text.clone());
            task.containers.push(task.containers[0].clone());
            let mut choice = Choice::new(now);
            choice.add(vec![Stop::of(task, now)]);
            choice.end(Some(text.clone()));
            let mut terminal = Terminal::new(TestBackend::new(90, 20)).expect("a terminal");
            let page = Page { width: Some(90), look: Look::plain(), clock: Clock::utc() };
            terminal.draw(|frame| draw(frame, &choice, &page)).expect("a picture");
            for cell in terminal.backend().buffer().content() {
                assert_eq!(printable(cell.symbol()), cell.symbol(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_small_terminal_shows_the_list_alone() {
        let lines = drawn(60, 8, "");
        assert!(lines[2].starts_with("▌") && lines[6].contains("app-error"), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains('─')));
    }
}
