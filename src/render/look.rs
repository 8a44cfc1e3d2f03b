//! The palette: few colours, each with one meaning, none carrying anything alone. Plain by default.

use owo_colors::{OwoColorize, Style};

use super::told::Mark;

/// Styles by meaning. The sixteen colours of the terminal's own theme, so that light and dark both read well.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub bad: Style,
    pub good: Style,
    pub doubt: Style,
    pub strong: Style,
    pub faint: Style,
    pub command: Style,
}

impl Look {
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.strong == Style::new()
    }

    #[must_use]
    pub fn coloured() -> Self {
        Self {
            bad: Style::new().red().bold(),
            good: Style::new().green().bold(),
            doubt: Style::new().yellow().bold(),
            strong: Style::new().bold(),
            faint: Style::new().dimmed(),
            command: Style::new().cyan(),
        }
    }

    /// The style of a verdict's sign.
    #[must_use]
    pub fn of(&self, mark: Mark) -> &Style {
        match mark {
            Mark::Bad => &self.bad,
            Mark::Good => &self.good,
            Mark::Doubt => &self.doubt,
        }
    }

    /// Paints text that has been laid out already.
    #[must_use]
    pub fn paint(&self, style: &Style, text: &str) -> String {
        if text.is_empty() || *style == Style::new() { text.to_owned() } else { text.style(*style).to_string() }
    }
}
