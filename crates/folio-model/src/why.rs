//! The thread through one operation: which rules came up, and which way the kernel went where it is free.
//!
//! The model is written as if there were one kernel that decides things, and asks [`Why::either`] where Linux does not say.
//! [`Model`](crate::Model) then goes through an operation once for each way to answer.

use crate::{Errno, Rule};

/// Why an operation ends before it has done anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What it is about is not there.
    Nothing,
    /// The kernel refuses.
    Failed(Errno),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Why {
    rules: Vec<&'static Rule>,
    /// Every answer so far, with how many there were to choose from; those given beforehand come first.
    answers: Vec<(usize, usize)>,
    asked: usize,
}

impl Why {
    /// This rule applies.
    pub(crate) fn so(&mut self, rule: &'static Rule) {
        if self.rules.last() != Some(&rule) {
            self.rules.push(rule);
        }
    }

    /// This rule forbids it, with this error.
    pub(crate) fn refuse(&mut self, errno: Errno, rule: &'static Rule) -> Stop {
        self.so(rule);
        Stop::Failed(errno)
    }

    /// The kernel is free to choose one of `ways`, by this rule: which, from 0? The likeliest is 0.
    pub(crate) fn either(&mut self, ways: usize, rule: &'static Rule) -> usize {
        self.so(rule);
        if self.asked == self.answers.len() {
            self.answers.push((0, ways));
        }
        self.asked += 1;
        self.answers[self.asked - 1].0
    }

    /// The next way through the same operation, if there is one: an odometer over the answers.
    pub(crate) fn next(&self) -> Option<Self> {
        let mut answers = self.answers.clone();
        while let Some((answer, ways)) = answers.pop() {
            if answer + 1 < ways {
                answers.push((answer + 1, ways));
                return Some(Self { answers, ..Self::default() });
            }
        }
        None
    }

    pub(crate) fn rules(self) -> Vec<&'static Rule> {
        self.rules
    }
}
