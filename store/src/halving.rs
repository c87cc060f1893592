//! Finding the newest commit that is not later than a time, in some twenty look-ups by key: an index of times would cost every commit.

/// Nothing up to `low` is later than the time, everything from `high` on is; `found` is the newest up to `low`.
#[derive(Debug)]
pub struct Halving {
    at: i64,
    found: u64,
    low: u64,
    high: u64,
}

impl Halving {
    /// `newest` is the last commit, its revision and time.
    pub fn new(at: i64, newest: Option<(u64, i64)>) -> Halving {
        match newest {
            Some((revision, later)) if later > at => Halving { at, found: 0, low: 0, high: revision },
            Some((revision, _)) => Halving { at, found: revision, low: revision, high: revision },
            None => Halving { at, found: 0, low: 0, high: 0 },
        }
    }

    /// The revision up to which the newest commit is to be looked up next, unless the answer is known.
    pub fn next(&self) -> Option<u64> {
        (self.high - self.low > 1).then(|| self.low + (self.high - self.low) / 2)
    }

    /// What was there: the revision and time of the newest commit up to `next`.
    pub fn learn(&mut self, next: u64, newest: Option<(u64, i64)>) {
        match newest {
            Some((revision, later)) if revision > self.low && later > self.at => self.high = revision,
            Some((revision, _)) if revision > self.low => (self.found, self.low) = (revision, next),
            Some(_) | None => self.low = next,
        }
    }

    /// The newest revision that is not later; 0 where there is none.
    pub fn found(&self) -> u64 {
        self.found
    }
}
