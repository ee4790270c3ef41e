//! Who reports to whom, and therefore who may talk to whom (contract 02 §6).

use std::collections::{HashMap, HashSet};

use super::ids::WorkspaceId;

/// The longest chain of parents that is followed (contract 02 §6).
pub const MAX_DEPTH: usize = 32;

/// The parent relation of all workspaces, removed ones included.
#[derive(Debug, Default)]
pub struct Hierarchy {
    nodes: HashMap<WorkspaceId, Node>,
    roots: HashSet<WorkspaceId>,
}

#[derive(Debug, Default)]
struct Node {
    parent: Option<WorkspaceId>,
    children: Vec<WorkspaceId>,
    removed: bool,
}

/// Why a parent was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParentRefused {
    #[error("parent_id names a workspace that does not exist")]
    Unknown,
    #[error("parent_id would make the workspace its own ancestor")]
    Cycle,
    #[error("parent_id is at the depth limit of {MAX_DEPTH}")]
    TooDeep,
}

/// The direct relations of a workspace, removed ones left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    pub siblings: Vec<WorkspaceId>,
    pub children: Vec<WorkspaceId>,
    pub parent: Option<WorkspaceId>,
}

impl Hierarchy {
    /// Adds a workspace or changes its parent. The caller has checked it or
    /// knows it from the store, which is the judge.
    pub fn put(&mut self, id: WorkspaceId, parent: Option<WorkspaceId>, removed: bool) {
        let previous = self.nodes.get(&id).map(|node| node.parent);
        if let Some(old) = previous
            && old != parent
        {
            self.detach(id, old);
        }
        if previous.is_none_or(|old| old != parent) {
            self.attach(id, parent);
        }
        let node = self.nodes.entry(id).or_default();
        node.parent = parent;
        node.removed = removed;
    }

    /// Forgets a purged workspace; its children become roots.
    pub fn forget(&mut self, id: WorkspaceId) {
        let Some(node) = self.nodes.remove(&id) else {
            return;
        };
        self.detach(id, node.parent);
        for child in node.children {
            if let Some(orphan) = self.nodes.get_mut(&child) {
                orphan.parent = None;
                self.roots.insert(child);
            }
        }
    }

    /// Checks that `parent` may become the parent of `id`.
    ///
    /// # Errors
    /// The reason, which names the field for people.
    pub fn check_parent(&self, id: WorkspaceId, parent: WorkspaceId) -> Result<(), ParentRefused> {
        if id == parent {
            return Err(ParentRefused::Cycle);
        }
        if !self.nodes.contains_key(&parent) {
            return Err(ParentRefused::Unknown);
        }
        let mut above = 1;
        for ancestor in self.ancestors(parent) {
            above += 1;
            if ancestor == id {
                return Err(ParentRefused::Cycle);
            }
        }
        if above + self.height(id) > MAX_DEPTH { Err(ParentRefused::TooDeep) } else { Ok(()) }
    }

    /// Returns whether the two may exchange messages. Unknown ids only with themselves.
    pub fn may_talk(&self, a: WorkspaceId, b: WorkspaceId) -> bool {
        if a == b {
            return true;
        }
        let (Some(one), Some(other)) = (self.nodes.get(&a), self.nodes.get(&b)) else {
            return false;
        };
        one.parent == other.parent
            || self.ancestors(a).any(|up| up == b)
            || self.ancestors(b).any(|up| up == a)
    }

    /// Returns whether `above` is an ancestor of `id`.
    pub fn is_above(&self, above: WorkspaceId, id: WorkspaceId) -> bool {
        self.ancestors(id).any(|up| up == above)
    }

    /// Returns the ancestors of `id`, the nearest first.
    pub fn above(&self, id: WorkspaceId) -> Vec<WorkspaceId> {
        self.ancestors(id).collect()
    }

    /// Returns the direct relations of `id`, in no particular order.
    pub fn peers(&self, id: WorkspaceId) -> Peers {
        let Some(node) = self.nodes.get(&id) else {
            return Peers::default();
        };
        let here = |other: &WorkspaceId| *other != id && self.is_present(*other);
        let siblings = match node.parent.and_then(|parent| self.nodes.get(&parent)) {
            Some(parent) => parent.children.iter().copied().filter(here).collect(),
            None => self.roots.iter().copied().filter(here).collect(),
        };
        Peers {
            siblings,
            children: node.children.iter().copied().filter(here).collect(),
            parent: node.parent.filter(|parent| self.is_present(*parent)),
        }
    }

    /// Returns the children of `id` that are not removed.
    pub fn children(&self, id: WorkspaceId) -> Vec<WorkspaceId> {
        let children = self.nodes.get(&id).map(|node| node.children.as_slice());
        children.unwrap_or_default().iter().copied().filter(|c| self.is_present(*c)).collect()
    }

    /// Returns everything below `id` that is not removed, parents before their children.
    pub fn descendants(&self, id: WorkspaceId) -> Vec<WorkspaceId> {
        let mut found = Vec::new();
        let mut seen = HashSet::from([id]);
        let mut next = vec![id];
        while let Some(at) = next.pop() {
            let children = self.nodes.get(&at).map(|node| node.children.as_slice());
            for child in children.unwrap_or_default() {
                if seen.insert(*child) {
                    next.push(*child);
                    found.push(*child);
                }
            }
        }
        found.retain(|below| self.is_present(*below));
        found
    }

    /// Returns the parent of `id`, if it is known and has one.
    pub fn parent(&self, id: WorkspaceId) -> Option<WorkspaceId> {
        self.nodes.get(&id).and_then(|node| node.parent)
    }

    /// Returns whether `id` is known, removed or not.
    pub fn contains(&self, id: WorkspaceId) -> bool {
        self.nodes.contains_key(&id)
    }

    /// Returns how many workspaces are known, removed ones included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns whether no workspace is known.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Walks up from the parent of `id`, at most [`MAX_DEPTH`] steps.
    fn ancestors(&self, id: WorkspaceId) -> impl Iterator<Item = WorkspaceId> + '_ {
        std::iter::successors(self.parent(id), |up| self.parent(*up)).take(MAX_DEPTH)
    }

    /// Returns how many levels `id` and what hangs below it take.
    fn height(&self, id: WorkspaceId) -> usize {
        let mut level = vec![id];
        let mut height = 0;
        while !level.is_empty() && height <= MAX_DEPTH {
            height += 1;
            level = level
                .iter()
                .filter_map(|at| self.nodes.get(at))
                .flat_map(|node| node.children.iter().copied())
                .collect();
        }
        height
    }

    fn is_present(&self, id: WorkspaceId) -> bool {
        self.nodes.get(&id).is_some_and(|node| !node.removed)
    }

    fn attach(&mut self, id: WorkspaceId, parent: Option<WorkspaceId>) {
        match parent {
            Some(parent) => self.nodes.entry(parent).or_default().children.push(id),
            None => _ = self.roots.insert(id),
        }
    }

    fn detach(&mut self, id: WorkspaceId, parent: Option<WorkspaceId>) {
        match parent.and_then(|parent| self.nodes.get_mut(&parent)) {
            Some(node) => node.children.retain(|child| *child != id),
            None => _ = self.roots.remove(&id),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> WorkspaceId {
        WorkspaceId(Uuid::from_u128(n))
    }

    /// Applies random moves, keeping only those the index accepts.
    fn grow(moves: &[(u128, Option<u128>)]) -> Hierarchy {
        let mut tree = Hierarchy::default();
        for n in 0..12 {
            tree.put(id(n), None, false);
        }
        for (child, parent) in moves {
            let accepted = parent.is_none_or(|p| tree.check_parent(id(*child), id(p)).is_ok());
            if accepted {
                tree.put(id(*child), parent.map(id), false);
            }
        }
        tree
    }

    fn moves() -> impl Strategy<Value = Vec<(u128, Option<u128>)>> {
        proptest::collection::vec((0..12u128, proptest::option::of(0..12u128)), 0..60)
    }

    proptest! {
        #[test]
        fn accepted_moves_never_make_a_cycle(moves in moves()) {
            let tree = grow(&moves);
            for n in 0..12 {
                prop_assert!(tree.ancestors(id(n)).all(|up| up != id(n)));
                prop_assert!(tree.ancestors(id(n)).count() < 12);
            }
        }

        #[test]
        fn talking_is_mutual(moves in moves(), a in 0..14u128, b in 0..14u128) {
            let tree = grow(&moves);
            prop_assert_eq!(tree.may_talk(id(a), id(b)), tree.may_talk(id(b), id(a)));
        }

        #[test]
        fn peers_may_talk_and_children_agree_with_parents(moves in moves(), n in 0..12u128) {
            let tree = grow(&moves);
            let peers = tree.peers(id(n));
            for other in peers.siblings.iter().chain(&peers.children).chain(&peers.parent) {
                prop_assert!(tree.may_talk(id(n), *other));
            }
            for child in tree.children(id(n)) {
                prop_assert_eq!(tree.parent(child), Some(id(n)));
            }
        }

        #[test]
        fn a_cycle_is_what_is_refused(moves in moves(), child in 0..12u128, parent in 0..12u128) {
            let tree = grow(&moves);
            let below = child == parent || tree.descendants(id(child)).contains(&id(parent));
            prop_assert_eq!(tree.check_parent(id(child), id(parent)) == Err(ParentRefused::Cycle), below);
        }
    }

    #[test]
    fn rules_of_the_chart() {
        let mut tree = Hierarchy::default();
        for (child, parent) in
            [(1, None), (2, None), (3, Some(1)), (4, Some(1)), (5, Some(3)), (6, Some(4))]
        {
            tree.put(id(child), parent.map(id), false);
        }
        assert!(tree.may_talk(id(1), id(2)), "roots");
        assert!(tree.may_talk(id(3), id(4)), "siblings");
        assert!(tree.may_talk(id(1), id(5)), "grandparent");
        assert!(!tree.may_talk(id(5), id(6)), "cousins");
        assert!(!tree.may_talk(id(3), id(2)), "another team");
        assert!(tree.may_talk(id(99), id(99)), "itself, even unknown");
        assert!(!tree.may_talk(id(99), id(1)), "unknown");
    }

    #[test]
    fn removed_ones_still_count_for_access_and_not_for_lists() {
        let mut tree = Hierarchy::default();
        tree.put(id(1), None, false);
        tree.put(id(2), Some(id(1)), true);
        tree.put(id(3), Some(id(2)), false);
        assert!(tree.may_talk(id(1), id(3)));
        assert!(tree.children(id(1)).is_empty());
        assert_eq!(tree.descendants(id(1)), vec![id(3)]);
        assert_eq!(tree.peers(id(3)).parent, None);
    }

    #[test]
    fn the_order_of_loading_does_not_matter() {
        let mut tree = Hierarchy::default();
        tree.put(id(2), Some(id(1)), false);
        tree.put(id(1), None, false);
        assert_eq!(tree.children(id(1)), vec![id(2)]);
        tree.forget(id(1));
        assert_eq!(tree.parent(id(2)), None);
        assert!(tree.may_talk(id(2), id(2)));
    }

    #[test]
    fn depth_is_bounded() {
        let mut tree = Hierarchy::default();
        tree.put(id(0), None, false);
        for n in 1..40u128 {
            tree.put(id(n), None, false);
            match tree.check_parent(id(n), id(n - 1)) {
                Ok(()) => tree.put(id(n), Some(id(n - 1)), false),
                Err(refused) => {
                    assert_eq!((refused, n), (ParentRefused::TooDeep, MAX_DEPTH as u128));
                    return;
                }
            }
        }
        panic!("no limit met");
    }
}
