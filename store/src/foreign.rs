//! What a process learns of the writes of others.

/// Which streams other processes have written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Foreign {
    /// Nothing was heard of.
    #[default]
    Nothing,
    /// These, sorted; others were not heard of.
    Streams(Vec<Box<str>>),
    /// Some, it is not known which.
    Anything,
}

impl Foreign {
    /// Both together.
    pub(crate) fn and(self, other: Foreign) -> Foreign {
        match (self, other) {
            (Foreign::Nothing, one) | (one, Foreign::Nothing) => one,
            (Foreign::Streams(mut all), Foreign::Streams(more)) => {
                all.extend(more);
                all.sort();
                all.dedup();
                Foreign::Streams(all)
            }
            (Foreign::Anything, _) | (_, Foreign::Anything) => Foreign::Anything,
        }
    }
}
