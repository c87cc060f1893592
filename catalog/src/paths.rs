//! From a call, as it was made or recorded, to its operation: `GET /client/v4/zones/023e…/dns_records?page=2` is
//! `dns-records-for-a-zone-list-dns-records` with one parameter.
//!
//! The templates of all operations form a tree of segments. A path goes down it, a literal word before a parameter, and
//! comes back up where a branch ends without an operation of its method, so `/accounts/{account_id}/tokens/verify` wins
//! over `/accounts/{account_id}/tokens/{token_id}`, and `/{accounts_or_zones}/…` is found beside `/accounts/…`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::path_template::{Piece, Segment, pieces, segments, values};
use crate::{Catalog, Method, Operation};

/// The base path of the API. A path may have it or not.
const BASE_PATH: &str = "/client/v4";

/// A call's operation, and what its path says of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationMatch<'c, 'p> {
    /// The operation.
    pub operation: &'c Operation,
    /// Names and decoded values, in the order of the path. A parameter that the path leaves in braces is not here.
    pub parameters: Vec<(&'c str, Cow<'p, str>)>,
}

impl OperationMatch<'_, '_> {
    /// The decoded value of a parameter; of the first, if two have one name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| *other == name).map(|(_, value)| &**value)
    }
}

/// One line of `data/path_parameters.json`: a parameter that is not just one segment of any text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterRule {
    parameter: Box<str>,
    /// The only values there are; empty for any.
    #[serde(default)]
    values: Box<[Box<str>]>,
    /// Whether the value may go on over further `/`, to the end of the path. Only for the last segment of a template.
    #[serde(default)]
    spans: bool,
    /// For the reader of the data.
    #[serde(rename = "reason")]
    _reason: Box<str>,
}

/// The tree of all templates. Nodes are positions; the first is the root.
#[derive(Clone, Debug)]
pub(crate) struct PathIndex {
    rules: Vec<ParameterRule>,
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Sorted, for binary search.
    words: Vec<(Box<str>, usize)>,
    /// Sorted: the more particular first.
    others: Vec<(Matcher, usize)>,
    /// The operations whose templates end here, as positions in [`Catalog::operations`].
    here: Vec<(Method, u32)>,
}

/// What a segment may be, if not one word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Matcher {
    /// One of a few words.
    OneOf(Box<[Box<str>]>),
    /// A mixed segment, with its parameters unnamed.
    Mixed(Box<str>),
    /// Any text.
    Any,
    /// Any text, and whatever follows.
    Rest,
}

/// One segment of a call's path.
struct Part<'p> {
    /// As it was written.
    raw: &'p str,
    decoded: Cow<'p, str>,
    /// What is left of the path from here on.
    rest: &'p str,
}

impl PathIndex {
    pub fn new(rules: Vec<ParameterRule>) -> PathIndex {
        PathIndex { rules, nodes: vec![Node::default()] }
    }

    /// Adds the template of the operation at a position.
    pub fn insert(&mut self, operation: &Operation, at: u32) {
        let mut node = 0;
        let mut template = segments(&operation.path).peekable();
        while let Some(segment) = template.next() {
            node = match segment {
                Segment::Literal(word) => self.below_word(node, word),
                Segment::Mixed(mixed) => self.below(node, Matcher::Mixed(unnamed(mixed))),
                Segment::Parameter(name) => {
                    let matcher = self.matcher(name, template.peek().is_none());
                    self.below(node, matcher)
                }
            };
        }
        self.nodes[node].here.push((operation.method, at));
    }

    /// Whether the parameter stands for one of a few words.
    pub fn is_choice(&self, name: &str) -> bool {
        matches!(self.matcher(name, false), Matcher::OneOf(_))
    }

    fn matcher(&self, name: &str, is_last: bool) -> Matcher {
        match self.rules.iter().find(|rule| *rule.parameter == *name) {
            Some(rule) if !rule.values.is_empty() => Matcher::OneOf(rule.values.clone()),
            Some(rule) if rule.spans && is_last => Matcher::Rest,
            Some(_) | None => Matcher::Any,
        }
    }

    fn below_word(&mut self, node: usize, word: &str) -> usize {
        let words = &self.nodes[node].words;
        match words.binary_search_by(|(other, _)| (**other).cmp(word)) {
            Ok(at) => words[at].1,
            Err(at) => {
                let new = self.push();
                self.nodes[node].words.insert(at, (word.into(), new));
                new
            }
        }
    }

    fn below(&mut self, node: usize, matcher: Matcher) -> usize {
        let others = &self.nodes[node].others;
        match others.binary_search_by(|(other, _)| other.cmp(&matcher)) {
            Ok(at) => others[at].1,
            Err(at) => {
                let new = self.push();
                self.nodes[node].others.insert(at, (matcher, new));
                new
            }
        }
    }

    fn push(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// The operation of that method whose template fits, the most particular first. As deep as the tree at most.
    fn find(&self, method: Method, node: usize, parts: &[Part<'_>]) -> Option<u32> {
        let node = &self.nodes[node];
        let here = || node.here.iter().find(|(other, _)| *other == method).map(|(_, at)| *at);
        let Some((part, after)) = parts.split_first() else { return here() };
        if let Ok(at) = node.words.binary_search_by(|(word, _)| (**word).cmp(&part.decoded))
            && let Some(found) = self.find(method, node.words[at].1, after)
        {
            return Some(found);
        }
        node.others.iter().find_map(|(matcher, below)| match matcher {
            Matcher::Rest if parts.iter().all(|part| !is_dots(&part.decoded)) => self.find(method, *below, &[]),
            Matcher::Rest => None,
            Matcher::OneOf(_) | Matcher::Mixed(_) | Matcher::Any if fits(matcher, part) => {
                self.find(method, *below, after)
            }
            Matcher::OneOf(_) | Matcher::Mixed(_) | Matcher::Any => None,
        })
    }
}

fn fits(matcher: &Matcher, part: &Part<'_>) -> bool {
    let text = &*part.decoded;
    !text.is_empty()
        && !is_dots(text)
        && match matcher {
            Matcher::OneOf(words) => is_placeholder(part.raw) || words.iter().any(|word| **word == *text),
            Matcher::Mixed(mixed) => values(mixed, text).is_some(),
            Matcher::Any | Matcher::Rest => true,
        }
}

/// `.` and `..` are instructions to whoever resolves the path, never values.
fn is_dots(text: &str) -> bool {
    matches!(text, "." | "..")
}

/// A parameter that the caller left as the documentation writes it.
fn is_placeholder(text: &str) -> bool {
    let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}']))
}

/// A mixed segment with its parameters unnamed, so that two that differ in names only are one.
fn unnamed(mixed: &str) -> Box<str> {
    let unnamed = pieces(mixed).map(|piece| match piece {
        Piece::Literal(text) => text,
        Piece::Parameter(_) => "{}",
    });
    unnamed.collect::<String>().into()
}

impl Catalog {
    /// The operation of a call: its method, and its path with or without the base path `/client/v4`, a query, a trailing
    /// `/`, or as a whole URL. A literal word is preferred to a parameter, segment by segment, among the operations of the
    /// method; a HEAD without an operation of its own is its GET.
    ///
    /// Parameters are percent-decoded. One that the path leaves in braces, as the templates themselves do, fits and is
    /// not bound. `None` if no operation fits, also where a segment is empty, `.` or `..`, or no UTF-8.
    pub fn match_operation<'c, 'p>(&'c self, method: Method, path: &'p str) -> Option<OperationMatch<'c, 'p>> {
        let parts = parts(path_of(path)?)?;
        let found = self.paths.find(method, 0, &parts);
        let found = match (found, method) {
            (None, Method::Head) => self.paths.find(Method::Get, 0, &parts),
            (found, _) => found,
        };
        let operation = &self.operations[found? as usize];
        let parameters = self.paths.parameters(operation, &parts)?;
        Some(OperationMatch { operation, parameters })
    }
}

impl PathIndex {
    fn parameters<'c, 'p>(&self, operation: &'c Operation, parts: &[Part<'p>]) -> Option<Vec<(&'c str, Cow<'p, str>)>> {
        let mut parameters = Vec::with_capacity(4);
        let mut template = segments(&operation.path).zip(parts).peekable();
        while let Some((segment, part)) = template.next() {
            match segment {
                Segment::Literal(_) => {}
                Segment::Parameter(name) => {
                    let spans = template.peek().is_none() && self.matcher(name, true) == Matcher::Rest;
                    let value = if spans { decode(part.rest)? } else { part.decoded.clone() };
                    if !is_placeholder(if spans { part.rest } else { part.raw }) {
                        parameters.push((name, value));
                    }
                }
                Segment::Mixed(mixed) => {
                    let names = pieces(mixed).filter_map(|piece| match piece {
                        Piece::Parameter(name) => Some(name),
                        Piece::Literal(_) => None,
                    });
                    let bound = names.zip(values(mixed, &part.decoded)?).filter(|(_, value)| !is_placeholder(value));
                    parameters.extend(bound.map(|(name, value)| (name, Cow::Owned(value.to_owned()))));
                }
            }
        }
        Some(parameters)
    }
}

/// The path of a URL or of a request's first line, below the base path.
fn path_of(text: &str) -> Option<&str> {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = match text.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        Some(_) | None => text,
    };
    let path = text.strip_prefix(BASE_PATH).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(text);
    if path.is_empty() { Some("/") } else { path.starts_with('/').then_some(path) }
}

/// The segments of a path that begins with `/`; `None` if one is no UTF-8 when decoded.
fn parts(path: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::with_capacity(12);
    let mut rest = &path[1..];
    while !rest.is_empty() {
        let (raw, after) = rest.split_once('/').unwrap_or((rest, ""));
        parts.push(Part { raw, decoded: decode(raw)?, rest });
        rest = after;
    }
    Some(parts)
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    match text.contains('%') {
        true => percent_decode_str(text).decode_utf8().ok(),
        false => Some(Cow::Borrowed(text)),
    }
}
