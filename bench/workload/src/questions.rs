//! The questions: drawn evenly, and kept until each answer has its half.

use crate::random::Random;
use crate::{PERMISSIONS, Purpose, Workload};

/// May the member do that on the zone? All by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The account.
    pub account: u16,
    /// The member of that account.
    pub member: u32,
    /// The permission.
    pub permission: u16,
    /// The zone of that account.
    pub zone: u16,
    /// The answer.
    pub allowed: bool,
    /// Refused though a policy allows it, since another denies it: a few in ten thousand of those that are refused.
    pub overruled: bool,
}

impl Workload {
    /// `count` questions in random order, of which half are allowed.
    pub fn questions(&self, count: usize) -> Vec<Question> {
        let mut random = self.random(Purpose::Questions, 0);
        let mut wanted = [count - count / 2, count / 2];
        let mut questions = Vec::with_capacity(count);
        while questions.len() < count {
            let question = self.draw(&mut random);
            let wanted = &mut wanted[usize::from(question.allowed)];
            if *wanted > 0 {
                *wanted -= 1;
                questions.push(question);
            }
        }
        // The rarer answer came last.
        for at in (1..questions.len()).rev() {
            questions.swap(at, random.below(at + 1));
        }
        questions
    }

    /// `count` questions that are refused though some policy allows them, since half of a great many holds only a few.
    pub fn overruled(&self, count: usize) -> Vec<Question> {
        let mut random = self.random(Purpose::Questions, 1);
        std::iter::repeat_with(|| self.draw(&mut random)).filter(|question| question.overruled).take(count).collect()
    }

    fn draw(&self, random: &mut Random) -> Question {
        let account = random.below(self.accounts.len());
        let member = random.below(self.accounts[account].members.len());
        let zone = random.below(self.accounts[account].zones.len()) as u16;
        let permission = random.below(PERMISSIONS) as u16;
        let (allowed, denied) = self.sides(account, member, permission, zone);
        Question {
            account: account as u16,
            member: member as u32,
            permission,
            zone,
            allowed: allowed && !denied,
            overruled: allowed && denied,
        }
    }
}
