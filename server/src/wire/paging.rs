//! Query parameters: pages, filters, directions (section 9).

use model::problem::{FaultKind, Faults, Problem};

/// The query of a request, decoded once.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// From 1.
    pub page: usize,
    /// Items on a page.
    pub per_page: usize,
}

impl Paging {
    /// How many items come before the page.
    pub fn skip(&self) -> usize {
        (self.page - 1).saturating_mul(self.per_page)
    }

    /// The items of the page.
    pub fn of<T>(&self, items: impl Iterator<Item = T>) -> Vec<T> {
        items.skip(self.skip()).take(self.per_page).collect()
    }
}

impl Paging {
    /// The page of a long ordered list of that many items, reached from whichever end is nearer.
    pub fn of_ordered<T>(
        &self,
        direction: Direction,
        total: usize,
        items: impl DoubleEndedIterator<Item = T>,
    ) -> Vec<T> {
        let start = self.skip().min(total);
        let end = start.saturating_add(self.per_page).min(total);
        let from_front = |start: usize| match direction {
            Direction::Ascending => start,
            Direction::Descending => total - end,
        };
        let (first, count) = (from_front(start), end - start);
        let mut page: Vec<T> = if first <= total / 2 {
            items.skip(first).take(count).collect()
        } else {
            let mut page: Vec<T> = items.rev().skip(total - first - count).take(count).collect();
            page.reverse();
            page
        };
        if direction == Direction::Descending {
            page.reverse();
        }
        page
    }
}

/// Which way a list is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Direction {
    /// The items in this direction.
    pub fn of<'a, T: 'a>(self, items: impl DoubleEndedIterator<Item = T> + 'a) -> Box<dyn Iterator<Item = T> + 'a> {
        match self {
            Direction::Ascending => Box::new(items),
            Direction::Descending => Box::new(items.rev()),
        }
    }
}

impl Query {
    /// Decodes a query string.
    pub fn parse(text: &str) -> Query {
        Query { pairs: form_urlencoded::parse(text.as_bytes()).into_owned().collect() }
    }

    /// The first value of a parameter; empty counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All values of a parameter that can be given several times, in their order; empty ones count as absent.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.pairs.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The page, with the endpoint's default and maximum size. More than the maximum is clamped (D76).
    ///
    /// # Errors
    /// A page or size below 1, or no integer.
    pub fn paging(&self, default: usize, most: usize) -> Result<Paging, Problem> {
        let mut faults = Faults::new();
        let page = self.number("page", 1, &mut faults);
        let per_page = self.number("per_page", default, &mut faults).min(most);
        faults.finish()?;
        Ok(Paging { page, per_page })
    }

    fn number(&self, name: &str, default: usize, faults: &mut Faults) -> usize {
        let Some(text) = self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value) else { return default };
        match text.parse::<usize>() {
            Ok(number) if number >= 1 => number,
            Ok(_) | Err(_) => {
                faults.push(
                    FaultKind::Invalid,
                    format!("?{name}"),
                    format!("{name} must be an integer of at least 1, not `{text}`"),
                );
                default
            }
        }
    }

    /// `direction`: descending for `desc`, ascending for anything else (api.md 11, 6).
    pub fn direction(&self) -> Direction {
        match self.text("direction") {
            Some(text) if text.eq_ignore_ascii_case("desc") => Direction::Descending,
            Some(_) | None => Direction::Ascending,
        }
    }

    /// One of a few words, in any case.
    ///
    /// # Errors
    /// Any other word.
    pub fn word<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
                Err(Problem::at(
                    FaultKind::Invalid,
                    format!("?{name}"),
                    format!("{name} `{text}` must be one of {}", words.join(", ")),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_same_from_either_end() {
        let items: Vec<usize> = (0..10).collect();
        for direction in [Direction::Ascending, Direction::Descending] {
            for per_page in 1..=12 {
                for page in 1..=12 {
                    let paging = Paging { page, per_page };
                    let plain = paging.of(direction.of(items.iter().copied()));
                    assert_eq!(paging.of_ordered(direction, items.len(), items.iter().copied()), plain);
                }
            }
        }
    }

    #[test]
    fn too_large_a_page_is_clamped_and_a_bad_one_is_refused() {
        let paging = |query: &str| Query::parse(query).paging(20, 50);
        assert_eq!(paging(""), Ok(Paging { page: 1, per_page: 20 }));
        assert_eq!(paging("per_page=100&page=3"), Ok(Paging { page: 3, per_page: 50 }));
        assert_eq!(paging("per_page=1"), Ok(Paging { page: 1, per_page: 1 }));
        for bad in ["page=0", "page=-1", "per_page=0", "per_page=x", "per_page=1.5", "page="] {
            assert!(paging(bad).is_err(), "{bad}");
        }
        assert_eq!(paging("page=x&per_page=0").unwrap_err().faults().len(), 2);
    }
}
