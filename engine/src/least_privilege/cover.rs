//! The smallest choice of permissions that meets each of several needs: a minimum hitting set, searched exactly.
//!
//! Choices that cannot be part of a smallest one go first (`reduce`); what is left falls into parts that have nothing to
//! do with each other, and each is searched by branch and bound.

use catalog::{PermissionIndex, PermissionSet};

/// How many steps the searches for one token may take together: about a second. The catalogue as it is needs next to
/// none, as the reductions leave nothing to search.
pub const MOST_STEPS: u32 = 20_000;

/// A choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The chosen permissions.
    pub chosen: PermissionSet,
    /// Whether none is smaller.
    pub is_smallest: bool,
}

/// The smallest choice that has a member of each of `needs`, none of which is empty. `closures` says by permission what
/// is gained by it; `rank` orders permissions that gain equally much; `steps` are those that are left to search.
pub fn smallest<R: Ord>(
    needs: &[PermissionSet],
    closures: &[PermissionSet],
    rank: impl Fn(PermissionIndex) -> R,
    steps: &mut u32,
) -> Cover {
    let candidates = needs.iter().fold(PermissionSet::EMPTY, |all, need| all | *need);
    let mut ranked: Vec<PermissionIndex> = candidates.iter().collect();
    ranked.sort_by_key(|index| (closures[usize::from(index.0)].len(), rank(*index)));
    let mut ranks = vec![0; closures.len()];
    for (at, index) in ranked.iter().enumerate() {
        ranks[usize::from(index.0)] = at as u32;
    }
    let problem = Problem { closures, ranks };
    let mut needs = needs.to_vec();
    let mut cover = Cover { chosen: problem.reduce(&mut needs), is_smallest: true };
    let gained = problem.gain(&cover.chosen);
    for part in problem.parts(needs, &gained) {
        let mut search = Search { problem: &problem, best: None, steps, given_up: false };
        search.descend(&part, Choice { chosen: PermissionSet::EMPTY, gained });
        cover.is_smallest &= !search.given_up;
        cover.chosen |= search.best.map(|best| best.chosen).unwrap_or_default();
    }
    cover
}

struct Problem<'a> {
    closures: &'a [PermissionSet],
    /// Less powerful before more powerful, then as told.
    ranks: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Choice {
    chosen: PermissionSet,
    /// With what was gained before.
    gained: PermissionSet,
}

impl Problem<'_> {
    fn closure(&self, index: PermissionIndex) -> PermissionSet {
        self.closures[usize::from(index.0)]
    }

    fn rank(&self, index: PermissionIndex) -> u32 {
        self.ranks[usize::from(index.0)]
    }

    fn gain(&self, chosen: &PermissionSet) -> PermissionSet {
        chosen.iter().fold(PermissionSet::EMPTY, |gained, index| gained | self.closure(index))
    }

    /// Chooses what must be chosen, and takes out of the needs what need not be, until neither is left.
    fn reduce(&self, needs: &mut Vec<PermissionSet>) -> PermissionSet {
        let mut chosen = PermissionSet::EMPTY;
        loop {
            let forced = needs.iter().filter(|need| need.len() == 1).fold(PermissionSet::EMPTY, |all, one| all | *one);
            chosen |= forced;
            needs.retain(|need| !need.intersects(&chosen));
            keep_the_strictest(needs);
            let dominated = self.dominated(needs, &self.gain(&chosen));
            if dominated.is_empty() && forced.is_empty() {
                return chosen;
            }
            needs.iter_mut().for_each(|need| *need -= dominated);
        }
    }

    /// Permissions of which another one does the same and more for no higher price, and comes first where both are equal.
    /// At least one of each need stays: the other one.
    fn dominated(&self, needs: &[PermissionSet], gained: &PermissionSet) -> PermissionSet {
        let candidates = needs.iter().fold(PermissionSet::EMPTY, |all, need| all | *need);
        let met = |index: PermissionIndex| needs.iter().filter(move |need| need.contains(index));
        let mut dominated = PermissionSet::EMPTY;
        for index in candidates.iter() {
            // Whatever else is chosen, this one costs at least what only it gives.
            let given_by_others = candidates.iter().filter(|other| *other != index);
            let given_by_others = given_by_others.fold(*gained, |all, other| all | self.closure(other));
            let at_least = (self.closure(index) - given_by_others).len();
            let shared = met(index).fold(candidates, |shared, need| shared & *need);
            let better = shared.iter().any(|other| {
                let price = self.closure(other) - *gained;
                let no_dearer = price.is_subset(&(self.closure(index) - *gained)) || price.len() <= at_least;
                other != index && !dominated.contains(other) && no_dearer && self.rank(other) < self.rank(index)
            });
            if better {
                dominated.insert(index);
            }
        }
        dominated
    }

    /// Needs that share a candidate, or whose candidates gain something in common, stay together.
    fn parts(&self, needs: Vec<PermissionSet>, gained: &PermissionSet) -> Vec<Vec<PermissionSet>> {
        let mut parts: Vec<(PermissionSet, Vec<PermissionSet>)> = Vec::new();
        for need in needs {
            let mut reach = self.gain(&need) - *gained;
            let mut together = vec![need];
            parts.retain_mut(|(other, needs)| {
                let apart = !other.intersects(&reach);
                if !apart {
                    reach |= *other;
                    together.append(needs);
                }
                apart
            });
            parts.push((reach, together));
        }
        parts.into_iter().map(|(_, needs)| needs).collect()
    }
}

/// A need that another one implies says nothing.
fn keep_the_strictest(needs: &mut Vec<PermissionSet>) {
    needs.sort_unstable_by_key(|need| (need.len(), *need));
    needs.dedup();
    let mut strictest: Vec<PermissionSet> = Vec::new();
    for need in needs.drain(..) {
        if !strictest.iter().any(|stricter| stricter.is_subset(&need)) {
            strictest.push(need);
        }
    }
    *needs = strictest;
}

struct Search<'a> {
    problem: &'a Problem<'a>,
    best: Option<Choice>,
    /// How many steps are left.
    steps: &'a mut u32,
    /// Whether some steps were not taken.
    given_up: bool,
}

impl Search<'_> {
    fn descend(&mut self, needs: &[PermissionSet], choice: Choice) {
        if self.given_up || !self.may_win(needs, &choice) {
            return;
        }
        // The first descent is let through to its end, so that there is an answer.
        if self.best.is_some() {
            self.given_up = *self.steps == 0;
            *self.steps = self.steps.saturating_sub(1);
        }
        let open = needs.iter().filter(|need| !need.intersects(&choice.chosen));
        let Some(narrowest) = open.min_by_key(|need| need.len()) else {
            self.best = Some(choice);
            return;
        };
        let mut candidates: Vec<PermissionIndex> = narrowest.iter().collect();
        candidates
            .sort_by_key(|index| ((self.problem.closure(*index) - choice.gained).len(), self.problem.rank(*index)));
        // Each branch takes one candidate and leaves those before it, so that no choice is looked at twice.
        let mut left = PermissionSet::EMPTY;
        for candidate in candidates {
            let needs: Vec<PermissionSet> = needs.iter().map(|need| *need - left).collect();
            if needs.iter().any(PermissionSet::is_empty) {
                return;
            }
            let mut choice = choice;
            choice.chosen.insert(candidate);
            choice.gained |= self.problem.closure(candidate);
            self.descend(&needs, choice);
            left.insert(candidate);
        }
    }

    /// Whether something that begins with the choice can still be smaller than the best.
    fn may_win(&self, needs: &[PermissionSet], choice: &Choice) -> bool {
        let Some(best) = &self.best else { return true };
        let (more_gained, more_chosen) = self.at_least(needs, choice);
        let reached = (choice.gained.len() + more_gained, choice.chosen.len() + more_chosen);
        match reached.cmp(&(best.gained.len(), best.chosen.len())) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal if more_chosen == 0 => self.ranks(&choice.chosen) < self.ranks(&best.chosen),
            std::cmp::Ordering::Equal => true,
        }
    }

    fn ranks(&self, chosen: &PermissionSet) -> Vec<u32> {
        let mut ranks: Vec<u32> = chosen.iter().map(|index| self.problem.rank(index)).collect();
        ranks.sort_unstable();
        ranks
    }

    /// What the open needs cost at least: of those that have nothing to do with each other, the cheapest candidate each.
    fn at_least(&self, needs: &[PermissionSet], choice: &Choice) -> (usize, usize) {
        let (mut gained, mut chosen) = (0, 0);
        let mut counted = PermissionSet::EMPTY;
        for need in needs.iter().filter(|need| !need.intersects(&choice.chosen)) {
            let reach = self.problem.gain(need) - choice.gained;
            if counted.intersects(&reach) {
                continue;
            }
            counted |= reach;
            let prices = need.iter().map(|index| (self.problem.closure(index) - choice.gained).len());
            gained += prices.min().unwrap_or_default();
            chosen += 1;
        }
        (gained, chosen)
    }
}
