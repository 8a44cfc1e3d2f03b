//! A case without the names in it.
use super::case::Case;

#[must_use]
pub fn case(case: Case) -> Case {
    case
}
