//! What a call is about, as far as its path tells: the account, a zone, the caller itself, or one resource of another
//! type. `data/path_resources.json` says which, and why.

use crate::path_template::{Piece, Segment, pieces, segments};
use crate::{Catalog, OperationMatch, ResourceTypeIndex};

/// What the calls at and below a path are about.
#[derive(Clone, Debug)]
pub(crate) struct PathResource {
    pub path: Box<str>,
    pub kind: ResourceTypeIndex,
    /// The id, with parameters of the path in braces.
    pub id: Option<Box<str>>,
}

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResource {
    /// Its type.
    pub kind: ResourceTypeIndex,
    /// Its id, as the path has it. `None`: the path names no single one; for a user, the caller itself is meant, for
    /// an account the one that is asked about, and for anything else all of that type in the account.
    pub id: Option<Box<str>>,
    /// The id of the account that the path names, if it names one.
    pub account: Option<Box<str>>,
}

impl CallResource {
    /// The key of the resource, if the path names a single one. Not checked: what the path has for an id may be none.
    pub fn key(&self, catalog: &Catalog) -> Option<String> {
        self.id.as_ref().map(|id| format!("{}.{id}", catalog.resource_type(self.kind).key))
    }
}

impl Catalog {
    /// What a call is about: of the paths in `data/path_resources.json` and in the operators' files that begin the
    /// call's, segment by segment, the longest decides. Their parameters stand for any text.
    pub fn resource_of(&self, found: &OperationMatch<'_, '_>) -> CallResource {
        let path = self.effective(found);
        let rows = self.path_resources.iter().filter_map(|row| Some((row, begins(row, &path)?)));
        let mut best: Option<(&PathResource, usize)> = None;
        let mut account = None;
        for (row, length) in rows {
            if row.kind == ResourceTypeIndex::ACCOUNT && row.id.is_some() {
                account = id_of(row, &path).or(account);
            }
            if best.is_none_or(|(_, longest)| length > longest) {
                best = Some((row, length));
            }
        }
        let kind = best.map_or(ResourceTypeIndex::ACCOUNT, |(row, _)| row.kind);
        CallResource { kind, id: best.and_then(|(row, _)| id_of(row, &path)), account }
    }
}

/// A segment of the call: what it says, if it says something.
enum Said<'m> {
    Word(&'m str),
    Value(Option<&'m str>),
}

impl Catalog {
    /// The call's path with its values in it. A parameter that is one of a few words is a word once it is known which.
    fn effective<'m>(&self, found: &'m OperationMatch<'_, '_>) -> Vec<Said<'m>> {
        let mut bound = found.parameters.iter().peekable();
        let said = segments(&found.operation.path).map(|segment| match segment {
            Segment::Literal(word) => Said::Word(word),
            Segment::Mixed(mixed) => {
                for piece in pieces(mixed) {
                    bound.next_if(|(name, _)| piece == Piece::Parameter(name));
                }
                Said::Word(mixed)
            }
            Segment::Parameter(name) => {
                let value = bound.next_if(|(other, _)| *other == name).map(|(_, value)| &**value);
                match value {
                    Some(word) if self.paths.is_choice(name) => Said::Word(word),
                    value => Said::Value(value),
                }
            }
        });
        said.collect()
    }
}

/// Whether the row's path begins the call's, and how long it is.
fn begins(row: &PathResource, path: &[Said<'_>]) -> Option<usize> {
    let mut length = 0;
    for segment in segments(&row.path) {
        let fits = match (segment, path.get(length)?) {
            (Segment::Literal(word), Said::Word(said)) => word == *said,
            (Segment::Parameter(_), Said::Value(_)) => true,
            (Segment::Literal(_) | Segment::Parameter(_) | Segment::Mixed(_), Said::Word(_) | Said::Value(_)) => false,
        };
        if !fits {
            return None;
        }
        length += 1;
    }
    Some(length)
}

fn id_of(row: &PathResource, path: &[Said<'_>]) -> Option<Box<str>> {
    let value = |name: &str| {
        let at = segments(&row.path).position(|segment| segment == Segment::Parameter(name))?;
        match path.get(at)? {
            Said::Value(value) => *value,
            Said::Word(_) => None,
        }
    };
    let pieces = pieces(row.id.as_deref()?).map(|piece| match piece {
        Piece::Literal(text) => Some(text),
        Piece::Parameter(name) => value(name),
    });
    pieces.collect::<Option<String>>().map(Box::from)
}
