//! Two searches read as one list: which results come next, and where each search goes on.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::cursor;
use crate::error::ToolError;
use crate::github::issue::Wire;
use crate::github::search::{Part, REACH, Sort, is_in_reach};

/// How far each of the two searches was read; None: it is not asked, or at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Offsets {
    pub(super) issues: Option<u64>,
    pub(super) pulls: Option<u64>,
    /// How many results those have that are at their end.
    pub(super) ended: u64,
}

impl Offsets {
    pub(super) fn start(issues: bool, pulls: bool) -> Self {
        Self {
            issues: issues.then_some(0),
            pulls: pulls.then_some(0),
            ended: 0,
        }
    }

    /// Where an earlier page ended.
    pub(super) fn resume(cursor: &str) -> Result<Self, ToolError> {
        let offsets: Self = cursor::unwrap(cursor)?;
        if [offsets.issues, offsets.pulls]
            .iter()
            .flatten()
            .any(|offset| *offset >= REACH)
        {
            return Err(ToolError::invalid_arguments(
                "`cursor` is beyond what GitHub shows of a search.",
            ));
        }
        Ok(offsets)
    }
}

/// One page of the joint list.
pub(super) struct Merged {
    pub(super) items: Vec<Wire>,
    /// Where the next page begins.
    pub(super) next: Option<Offsets>,
    /// There are more, which GitHub does not show.
    pub(super) out_of_reach: bool,
}

/// Takes the next `limit` of both, in the order of `sort`; for the best match, which GitHub does
/// not put into numbers, alternately.
pub(super) fn merge(issues: Part, pulls: Part, at: Offsets, sort: Sort, limit: u64) -> Merged {
    let mut issues = Side::new(issues, at.issues, limit);
    let mut pulls = Side::new(pulls, at.pulls, limit);
    let mut items = Vec::new();
    while (items.len() as u64) < limit {
        let from = match (issues.left.front(), pulls.left.front()) {
            (None, None) => break,
            (Some(_), None) => &mut issues,
            (None, Some(_)) => &mut pulls,
            (Some(issue), Some(pull)) => {
                let issue_first = match sort {
                    Sort::BestMatch => issues.taken <= pulls.taken,
                    Sort::Created => issue.created_at >= pull.created_at,
                    Sort::Updated => issue.updated_at >= pull.updated_at,
                    Sort::Comments => issue.comments >= pull.comments,
                };
                if issue_first { &mut issues } else { &mut pulls }
            }
        };
        items.extend(from.left.pop_front());
        from.taken += 1;
    }
    let next = Offsets {
        issues: issues.next(),
        pulls: pulls.next(),
        ended: at.ended.saturating_add(issues.ended() + pulls.ended()),
    };
    Merged {
        items,
        next: (next.issues.is_some() || next.pulls.is_some()).then_some(next),
        out_of_reach: issues.is_cut() || pulls.is_cut(),
    }
}

struct Side {
    left: VecDeque<Wire>,
    taken: u64,
    offset: Option<u64>,
    total: u64,
    limit: u64,
    last: bool,
}

impl Side {
    fn new(part: Part, offset: Option<u64>, limit: u64) -> Self {
        Self {
            last: part.last,
            left: part.items.into(),
            taken: 0,
            offset,
            total: part.total,
            limit,
        }
    }

    /// Where to go on, if there is more.
    fn after(&self) -> Option<u64> {
        let after = self.offset? + self.taken;
        let at_end = after >= self.total || (self.last && self.left.is_empty());
        (!at_end).then_some(after)
    }

    fn next(&self) -> Option<u64> {
        self.after().filter(|after| is_in_reach(*after, self.limit))
    }

    fn ended(&self) -> u64 {
        if self.offset.is_some() && self.next().is_none() {
            self.total
        } else {
            0
        }
    }

    fn is_cut(&self) -> bool {
        self.after() != self.next()
    }
}
