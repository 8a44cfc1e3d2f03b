//! The name somebody meant, among those there are.

/// As near as clap asks of its own commands: a letter or two beside it.
const NEAR_ENOUGH: f64 = 0.8;

/// The one most like what was typed, if any is like it; case does not count.
#[must_use]
pub fn nearest<N: AsRef<str>>(typed: &str, names: impl IntoIterator<Item = N>) -> Option<N> {
    let typed = typed.to_lowercase();
    let near = |name: &N| strsim::jaro_winkler(&typed, &name.as_ref().to_lowercase());
    let likeness = names.into_iter().map(|name| (near(&name), name)).filter(|(likeness, _)| *likeness > NEAR_ENOUGH);
    likeness.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_another_word_finds_none() {
        let names = ["out-of-memory", "app-error", "scale-in"];
        assert_eq!(nearest("out-of-memroy", names), Some("out-of-memory"));
        assert_eq!(nearest("APP-EROR", names), Some("app-error"));
        assert_eq!(nearest("zzz", names), None);
        assert_eq!(nearest("prod", Vec::<String>::new()), None);
    }
}
