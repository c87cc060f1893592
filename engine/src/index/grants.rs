//! The statements of one holder (a member's own, a group's, a token's), compiled so that a decision reads a few words.
//!
//! ```text
//! target ──> column of the account ─────────┐
//!        ──> column of each resource of its ┴──> at the target's type: a pair (allow, deny) of permission sets
//!            chain, found by its place
//! ```
//!
//! Equal sets and equal columns are stored once. Most questions are about one permission, and most holders have nothing
//! to say of it: `mentions` answers those from one cache line.

use catalog::{PermissionSet, ResourceTypeIndex};
use rustc_hash::FxHashMap;

use super::place::Place;
use super::trie::hash_of;
use crate::Engine;
use crate::rights::Rights;
use crate::statement::{Draft, Statement};
use crate::target::Target;

/// Compiled statements, and the statements themselves for those who ask why.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grants {
    /// Everything that is spoken of, allowed or denied.
    mentions: PermissionSet,
    pub(crate) statements: Box<[Statement]>,
    /// The pairs: for each word of a set, that of the allowed and that of the denied.
    lanes: Box<[u64]>,
    /// By column and type of resource: which pair. Pair 0 says nothing. Column 0 is the account's, and holds what covers
    /// every resource of a type too.
    columns: Box<[u32]>,
    places: Places,
    /// The pair of what is said of the account and everything in it, now and later.
    throughout: u32,
    words: u8,
    kinds: u8,
}

/// Which words of a permission set matter to a question.
#[derive(Clone, Copy)]
pub(crate) struct Words(u16);

impl Words {
    /// Those in which the set has a member.
    pub(crate) fn of(set: &PermissionSet) -> Words {
        let filled = set.words().iter().enumerate().filter(|(_, word)| **word != 0);
        Words(filled.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// The one word that matters, if it is one.
    #[inline]
    pub(crate) fn single(self) -> Option<usize> {
        self.0.is_power_of_two().then(|| self.0.trailing_zeros() as usize)
    }

    /// Whether the sets have a member in common in these words.
    #[inline]
    pub(crate) fn meet(self, one: &PermissionSet, other: &PermissionSet) -> bool {
        let mut any = 0;
        self.each(PermissionSet::WORDS as u8, |word| any |= one.words()[word] & other.words()[word]);
        any != 0
    }

    #[inline]
    fn each(self, words: u8, mut visit: impl FnMut(usize)) {
        let mut bits = self.0 & ((1_u32 << words) - 1) as u16;
        while bits != 0 {
            visit(bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
}

impl Grants {
    /// Adds what is said of the target in the words that matter.
    #[inline]
    pub(crate) fn add_on(&self, target: &Target, asked: &PermissionSet, words: Words, rights: &mut Rights) {
        if words.meet(&self.mentions, asked) {
            self.each_pair(target, |lanes| {
                words.each(self.words, |word| rights.add_words(word, lanes[2 * word], lanes[2 * word + 1]));
            });
        }
    }

    /// What is allowed and what is denied on the target, in one word of the sets.
    #[inline]
    pub(crate) fn word_on(&self, target: &Target, word: usize) -> (u64, u64) {
        let (mut allow, mut deny) = (0, 0);
        self.each_pair(target, |lanes| {
            allow |= lanes[2 * word];
            deny |= lanes[2 * word + 1];
        });
        (allow, deny)
    }

    #[inline]
    fn each_pair(&self, target: &Target, mut visit: impl FnMut(&[u64])) {
        self.lanes_of(self.pair(0, target.kind)).map(&mut visit);
        if !self.places.is_empty() {
            for place in target.chain() {
                if let Some(column) = self.places.find(*place) {
                    self.lanes_of(self.pair(column, target.kind)).map(&mut visit);
                }
            }
        }
    }

    /// Adds what is said of the account and everything in it, now and later.
    pub(crate) fn add_throughout(&self, words: Words, rights: &mut Rights) {
        if let Some(lanes) = self.lanes_of(self.throughout) {
            words.each(self.words, |word| rights.add_words(word, lanes[2 * word], lanes[2 * word + 1]));
        }
    }

    /// The places that are spoken of by name.
    pub(crate) fn named_places(&self) -> impl Iterator<Item = Place> + '_ {
        self.places.keys.iter().copied().filter(|place| *place != Place::NONE)
    }

    /// The places at which something is said by name of any of these permissions.
    pub(crate) fn places_that_speak_of(&self, asked: &PermissionSet) -> impl Iterator<Item = Place> + '_ {
        let width = usize::from(self.kinds);
        let column_speaks = |column: &[u32]| {
            let mut pairs = column.iter().filter_map(|pair| self.lanes_of(*pair));
            pairs.any(|lanes| {
                let words = lanes.chunks_exact(2).zip(asked.words());
                words.into_iter().any(|(both, asked)| (both[0] | both[1]) & asked != 0)
            })
        };
        let speaks: Vec<bool> = self.columns.chunks_exact(width.max(1)).map(column_speaks).collect();
        let places = self.places.keys.iter().zip(&self.places.columns);
        let named = places.filter(move |(place, column)| **place != Place::NONE && speaks[**column as usize]);
        named.map(|(place, _)| *place)
    }

    /// The columns of what is said of a target by name. Where two targets of a type have the same, the same statements
    /// cover both.
    pub(crate) fn columns_on(&self, target: &Target) -> impl Iterator<Item = u32> {
        let chain = if self.places.is_empty() { &[] } else { target.chain() };
        chain.iter().filter_map(|place| self.places.find(*place))
    }

    /// Everything that is spoken of, allowed or denied.
    pub(crate) fn mentions(&self) -> &PermissionSet {
        &self.mentions
    }

    #[inline]
    fn pair(&self, column: u32, kind: ResourceTypeIndex) -> u32 {
        self.columns[column as usize * usize::from(self.kinds) + usize::from(kind.0)]
    }

    /// The words of a pair, none for the one that says nothing.
    #[inline]
    fn lanes_of(&self, pair: u32) -> Option<&[u64]> {
        let width = 2 * usize::from(self.words);
        let start = (pair as usize).checked_sub(1)? * width;
        self.lanes.get(start..start + width)
    }
}

/// Which column a place has, if it has one of its own: an open-addressed table.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Places {
    /// A power of two long, or empty. Never full.
    keys: Box<[Place]>,
    /// The column of the place at the same position.
    columns: Box<[u32]>,
}

impl Places {
    fn of(entries: &[(Place, u32)]) -> Places {
        if entries.is_empty() {
            return Places { keys: Box::new([]), columns: Box::new([]) };
        }
        let size = (entries.len() + entries.len() / 3 + 1).next_power_of_two();
        let mut places = Places { keys: vec![Place::NONE; size].into(), columns: vec![0; size].into() };
        for (place, column) in entries {
            let mut at = places.start(*place);
            while places.keys[at] != Place::NONE {
                at = (at + 1) & (size - 1);
            }
            places.keys[at] = *place;
            places.columns[at] = *column;
        }
        places
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn start(&self, place: Place) -> usize {
        (hash_of(place.raw()) >> 32) as usize & (self.keys.len() - 1)
    }

    /// The table is never full, so the search ends.
    #[inline]
    fn find(&self, place: Place) -> Option<u32> {
        let mut at = self.start(place);
        loop {
            let here = self.keys[at];
            if here == place {
                return Some(self.columns[at]);
            }
            if here == Place::NONE {
                return None;
            }
            at = (at + 1) & (self.keys.len() - 1);
        }
    }
}

/// The pairs and columns of a holder while they are put together.
struct Compiler<'a> {
    engine: &'a Engine,
    statements: &'a [Statement],
    pairs: Vec<Rights>,
    pair_numbers: FxHashMap<Rights, u32>,
    columns: Vec<u32>,
}

impl Engine {
    /// Compiles statements.
    pub(crate) fn compile(&self, drafts: Vec<Draft>) -> Grants {
        let throughout = drafts.iter().fold(Rights::default(), |mut rights, draft| {
            rights.add(draft.statement.effect, draft.throughout);
            rights
        });
        let statements: Box<[Statement]> = drafts.into_iter().map(|draft| draft.statement).collect();
        let mut compiler = Compiler {
            engine: self,
            statements: &statements,
            pairs: Vec::new(),
            pair_numbers: FxHashMap::default(),
            columns: Vec::new(),
        };
        compiler.add_column(|compiler, kind| {
            compiler.rights(kind, |statement| {
                let reach = &statement.reach;
                reach.whole || (kind != ResourceTypeIndex::ACCOUNT && reach.all_of & 1 << kind.0 != 0)
            })
        });
        let entries = compiler.named_columns();
        let throughout = compiler.pair(throughout);
        let words = self.kinds().words;
        let Compiler { pairs, columns, .. } = compiler;
        let mentions = pairs.iter().fold(PermissionSet::EMPTY, |set, pair| set | pair.allow | pair.deny);
        let lanes = pairs
            .iter()
            .flat_map(|pair| (0..words).flat_map(|word| [pair.allow.words()[word], pair.deny.words()[word]]));
        Grants {
            mentions,
            lanes: lanes.collect(),
            columns: columns.into(),
            places: Places::of(&entries),
            throughout,
            words: words as u8,
            kinds: self.kinds().len() as u8,
            statements,
        }
    }
}

impl Compiler<'_> {
    /// A column for each place that some statement names; those that the same statements name share one.
    fn named_columns(&mut self) -> Vec<(Place, u32)> {
        let mut named: Vec<(Place, usize)> = Vec::new();
        for (number, statement) in self.statements.iter().enumerate() {
            named.extend(statement.reach.places.iter().map(|place| (*place, number)));
        }
        named.sort_unstable();
        let mut columns: FxHashMap<Vec<usize>, u32> = FxHashMap::default();
        let mut entries = Vec::new();
        for here in named.chunk_by(|one, other| one.0 == other.0) {
            let numbers: Vec<usize> = here.iter().map(|(_, number)| *number).collect();
            let column = match columns.get(&numbers) {
                Some(column) => *column,
                None => {
                    let column = self.add_column(|compiler, kind| {
                        let statements = numbers.iter().map(|number| &compiler.statements[*number]);
                        compiler.rights_of(kind, statements)
                    });
                    columns.insert(numbers, column);
                    column
                }
            };
            entries.push((here[0].0, column));
        }
        entries
    }

    fn add_column(&mut self, rights: impl Fn(&Self, ResourceTypeIndex) -> Rights) -> u32 {
        let column = self.columns.len() / self.engine.kinds().len();
        for kind in self.engine.kinds().iter() {
            let pair = self.pair(rights(self, kind));
            self.columns.push(pair);
        }
        column as u32
    }

    fn rights(&self, kind: ResourceTypeIndex, covers: impl Fn(&Statement) -> bool) -> Rights {
        self.rights_of(kind, self.statements.iter().filter(|statement| covers(statement)))
    }

    fn rights_of<'s>(&self, kind: ResourceTypeIndex, statements: impl Iterator<Item = &'s Statement>) -> Rights {
        statements.fold(Rights::default(), |mut rights, statement| {
            rights.add(statement.effect, statement.on(self.engine, kind));
            rights
        })
    }

    /// The number of a pair; 0 for the one that says nothing.
    fn pair(&mut self, rights: Rights) -> u32 {
        if rights == Rights::default() {
            return 0;
        }
        let next = self.pairs.len() as u32 + 1;
        let number = *self.pair_numbers.entry(rights).or_insert(next);
        if number == next {
            self.pairs.push(rights);
        }
        number
    }
}
