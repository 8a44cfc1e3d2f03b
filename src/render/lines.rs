//! Lines of text below each other: none ends in blanks, no gap is wider than one line.

#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// A gap before what follows; none at the top, and never two.
    pub fn blank(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    pub fn put(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    #[must_use]
    pub fn text(self) -> String {
        self.0
    }
}
