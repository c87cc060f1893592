//! What is wrong with a catalogue file.

use std::fmt;

/// More faults than these are only counted (D71).
const MOST_FAULTS: usize = 20;

/// An operator's catalogue file cannot be used. Nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CatalogError {
    /// The name of the file, as it was given.
    pub file: Box<str>,
    /// What is wrong, in the order of the file, at most 20.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

/// One thing that is wrong with a catalogue file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer; empty for the whole file.
    pub pointer: Box<str>,
    /// What is wrong, and what would be right.
    pub message: Box<str>,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "catalogue file `{}`:", self.file)?;
        for fault in &self.faults {
            match &*fault.pointer {
                "" => write!(f, "\n  {}", fault.message)?,
                pointer => write!(f, "\n  {pointer}: {}", fault.message)?,
            }
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Collects what is wrong, so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    more: usize,
}

impl Faults {
    pub fn add(&mut self, pointer: impl Into<Box<str>>, message: impl Into<Box<str>>) {
        match self.found.len() < MOST_FAULTS {
            true => self.found.push(Fault { pointer: pointer.into(), message: message.into() }),
            false => self.more += 1,
        }
    }

    pub fn into_result(self, file: &str) -> Result<(), CatalogError> {
        match self.found.is_empty() {
            true => Ok(()),
            false => Err(CatalogError { file: file.into(), faults: self.found, more: self.more }),
        }
    }
}
