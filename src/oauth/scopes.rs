//! What a grant's scopes are good for, and what is better not asked for.

use std::collections::BTreeSet;

use crate::oauth::provider::Provider;

/// A scope that takes away instead of adding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The scope.
    pub scope: &'static str,
    /// Wider scopes that allow all that it allows, and that are of no full use in a grant that has
    /// it as well.
    pub spoils: &'static [&'static str],
    /// What such a grant cannot do, in words that follow "the provider refuses".
    pub refused: &'static str,
}

impl Restriction {
    fn spoils_one_of(&self, scopes: &BTreeSet<String>) -> bool {
        self.spoils.iter().any(|scope| scopes.contains(*scope))
    }
}

impl Provider {
    /// Of each group of `required` that a grant of `granted` does not cover, the first scope: the
    /// one to ask for. A group is covered by any one of its scopes, and a restricting scope by a
    /// wider one, unless a restricting scope of the grant spoils what the group is about.
    pub fn missing<G: AsRef<[S]>, S: AsRef<str>>(
        &self,
        required: &[G],
        granted: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let covered = |group: &[S]| {
            let has = |scope: &str| group.iter().any(|one| one.as_ref() == scope);
            let spoiled = self.restrictions(granted).any(|restriction| {
                let least = group.first().map_or("", AsRef::as_ref);
                restriction.spoils.contains(&least) && !has(restriction.scope)
            });
            let included = |scope: &S| {
                let mut all = self.facts().restrictions.iter();
                all.any(|one| one.scope == scope.as_ref() && one.spoils_one_of(granted))
            };
            !spoiled
                && group
                    .iter()
                    .any(|scope| granted.contains(scope.as_ref()) || included(scope))
        };
        required
            .iter()
            .map(AsRef::as_ref)
            .filter(|group| !covered(group))
            .filter_map(|group| group.first().map(|scope| scope.as_ref().to_owned()))
            .collect()
    }

    /// The restricting scopes that `granted` has.
    pub fn restrictions(
        &self,
        granted: &BTreeSet<String>,
    ) -> impl Iterator<Item = &'static Restriction> {
        let all = self.facts().restrictions.iter();
        all.filter(|restriction| granted.contains(restriction.scope))
    }

    /// `scopes` as they are best asked for: without a scope that would spoil another of them, and
    /// that the other includes.
    pub fn without_restrictions(&self, mut scopes: BTreeSet<String>) -> BTreeSet<String> {
        for restriction in self.facts().restrictions {
            if restriction.spoils_one_of(&scopes) {
                scopes.remove(restriction.scope);
            }
        }
        scopes
    }

    /// Whether a request for `asked` has to leave behind a scope that `granted` has, so that the
    /// provider must not add the granted ones by itself.
    pub(super) fn leaves_behind(
        &self,
        asked: &BTreeSet<String>,
        granted: &BTreeSet<String>,
    ) -> bool {
        self.restrictions(granted).any(|restriction| {
            !asked.contains(restriction.scope) && restriction.spoils_one_of(asked)
        })
    }
}
