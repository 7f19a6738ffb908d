//! Plain data that every other module speaks: no I/O, no async, no clock.

pub mod deploy;
pub mod event;
pub mod failback;
pub mod finding;
pub mod gate;
pub mod orphan;
pub mod outage;
pub mod percentage;
pub mod prediction;
pub mod record;
pub mod redirect;
pub mod resource;
pub mod run;
pub mod secrets;
pub mod step;
pub mod text;
pub mod time;
pub mod verdict;
pub mod window;

/// Returns an error and everything that caused it, outermost first.
///
/// Our errors never repeat their source in their own message, so this is the
/// one way to see a whole failure.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect()
}

/// Returns the candidate that `word` was most likely meant to be, if one is near.
///
/// Nearness is the Damerau-Levenshtein distance, at most a third of the word's
/// length and at least one edit, so that `netwrok` finds `network` and `db`
/// does not find `app`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_slip_and_not_another_word() {
        let names = ["network", "data", "app"];
        assert_eq!(nearest("netwrok", names), Some("network"));
        assert_eq!(nearest("dta", names), Some("data"));
        assert_eq!(nearest("db", names), None);
    }
}
