//! Tells a trace. Pure: a trace in, bytes out; nothing here reads the clock, the terminal or the network.

pub mod clock;
pub mod columns;
pub mod doctor;
pub mod html;
pub mod json;
pub mod lines;
pub mod list;
pub mod look;
pub mod markdown;
pub mod printable;
pub mod sheet;
pub mod stops;
pub mod text;
pub mod told;

use clock::Clock;
use look::Look;

/// How text is laid out and painted.
#[derive(Debug, Clone)]
pub struct Page {
    /// Columns of the terminal; `None` where lines may be as long as they like (a pipe, a file).
    pub width: Option<usize>,
    pub look: Look,
    pub clock: Clock,
}

impl Page {
    /// Columns for running text: between 60 and 120.
    #[must_use]
    pub fn measure(&self) -> usize {
        self.width.unwrap_or(100).clamp(60, 120)
    }
}
