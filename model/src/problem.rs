//! What may be wrong with an input. A problem lists every fault that was found, each with its place, so that a caller
//! mends all of them at once (D71).

use std::fmt;

/// The most faults that one answer lists (D71).
pub const MOST_FAULTS: usize = 20;

/// What sort of fault it is; the server gives each one a status and a code (D72).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The input does not say something that can be done.
    Invalid,
    /// No object of that id is here.
    NotFound,
    /// The name is taken, reserved, empty or too long.
    Name,
    /// The thing exists already.
    AlreadyExists,
    /// The permission group cannot meet the scope (D13).
    Pair,
    /// A quota is used up (D87).
    Quota,
    /// Something still refers to it (D25, D65).
    InUse,
    /// Built in: cannot be changed or removed (D21).
    BuiltIn,
    /// The account would lose its last super administrator (D19).
    LastSuperAdministrator,
    /// The grantor does not hold what it grants (D15, D16).
    Escalation,
    /// `If-Match` names another revision (D79).
    Stale,
    /// The server's settings forbid it.
    Forbidden,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The sort.
    pub kind: FaultKind,
    /// What is wrong and what would be right, in the API's words.
    pub message: String,
    /// A JSON pointer into the body, or `?name` for a query parameter.
    pub pointer: Option<String>,
}

/// Why an operation was refused: at least one fault, at most [`MOST_FAULTS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    // INVARIANT: not empty, at most MOST_FAULTS.
    faults: Vec<Fault>,
}

impl Problem {
    /// One fault without a place.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Problem {
        Problem { faults: vec![Fault { kind, message: message.into(), pointer: None }] }
    }

    /// One fault at a place.
    pub fn at(kind: FaultKind, pointer: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { faults: vec![Fault { kind, message: message.into(), pointer: Some(pointer.into()) }] }
    }

    /// `no such <noun>`, for an object named by the path (D56).
    pub fn not_found(noun: &str, id: impl fmt::Display) -> Problem {
        Problem::new(FaultKind::NotFound, format!("{noun} `{id}` not found"))
    }

    /// The same faults, each at another place.
    pub fn moved(mut self, place: impl Fn(&str) -> String) -> Problem {
        for fault in &mut self.faults {
            fault.pointer = Some(place(fault.pointer.as_deref().unwrap_or_default()));
        }
        self
    }

    /// The faults, first found first.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The sort of the first fault, which decides the status of the answer.
    pub fn kind(&self) -> FaultKind {
        self.faults[0].kind
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.faults.iter().enumerate() {
            let gap = if i == 0 { "" } else { "; " };
            match &fault.pointer {
                Some(pointer) => write!(f, "{gap}{}: {}", pointer, fault.message)?,
                None => write!(f, "{gap}{}", fault.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Gathers faults while an input is looked through.
#[derive(Default, Debug)]
pub struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    /// None so far.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// Notes one, if it is not noted yet. Past [`MOST_FAULTS`] they are dropped: the caller has enough to mend.
    pub fn push(&mut self, kind: FaultKind, pointer: impl Into<String>, message: impl Into<String>) {
        let fault = Fault { kind, message: message.into(), pointer: Some(pointer.into()) };
        if self.found.len() < MOST_FAULTS && !self.found.contains(&fault) {
            self.found.push(fault);
        }
    }

    /// Notes all faults of a problem.
    pub fn extend(&mut self, problem: Problem) {
        let room = MOST_FAULTS - self.found.len();
        self.found.extend(problem.faults.into_iter().take(room));
    }

    /// Takes the value of a result, or notes its faults.
    pub fn take<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.extend(problem)).ok()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` if nothing was found.
    pub fn finish(self) -> Result<(), Problem> {
        if self.found.is_empty() { Ok(()) } else { Err(Problem { faults: self.found }) }
    }
}
