//! Tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::{NewOrgToken, NewToken, OrgScope, Owner, TokenHash};
use isomer_actors::ports::Store;
use uuid::Uuid;

use super::suite::{at, create};

type Any = Arc<dyn Store>;

fn token() -> NewToken {
    let id = Uuid::new_v4();
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(id.as_bytes());
    NewToken { id, hash: TokenHash(hash), prefix: "abcdefgh".to_owned() }
}

pub async fn tokens_are_counted_found_and_revoked(store: Any) {
    let (one, _) = create(&store, "one").await;
    let mut adding = tokio::task::JoinSet::new();
    for second in 0..12 {
        let store = Arc::clone(&store);
        adding
            .spawn(async move { store.add_token(one.id, &token(), 5, at(second)).await.unwrap() });
    }
    let added = adding.join_all().await.into_iter().filter(|added| *added).count();
    assert_eq!(added, 5, "the cap holds under concurrency");
    assert!(store.add_token(WorkspaceId::random(), &token(), 5, at(1)).await.is_err());

    let listed = store.workspace_tokens(one.id, 3, 0).await.unwrap();
    assert!(listed.len() == 3 && listed.is_sorted_by(|a, b| a.created_at >= b.created_at));
    assert_eq!(store.workspace_tokens(one.id, 3, 3).await.unwrap().len(), 2);
    assert_eq!(store.load(one.id).await.unwrap().live_tokens, 5);

    let first = &listed[0];
    let found = store.find_token(first.hash).await.unwrap().unwrap();
    assert_eq!((found.id, found.owner), (first.id, Owner::Workspace(one.id)));
    assert!(store.revoke_token(WorkspaceId::random(), first.id, at(99)).await.unwrap().is_none());
    let revoked = store.revoke_token(one.id, first.id, at(99)).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(at(99)));
    assert!(store.revoke_token(one.id, first.id, at(99)).await.unwrap().is_none());
    assert!(store.find_token(first.hash).await.unwrap().unwrap().revoked_at.is_some());
    let changed = store.tokens_changed(at(99)).await.unwrap();
    assert_eq!((changed.len(), changed[0].id), (1, first.id));

    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store.live_tokens(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        pages.extend(page);
    }
    assert_eq!(pages.len(), 4);

    let uses = |second| BTreeMap::from([(pages[0].id, at(second))]);
    store.write_token_use(&uses(200)).await.unwrap();
    store.write_token_use(&uses(100)).await.unwrap();
    let used = store.find_token(pages[0].hash).await.unwrap().unwrap();
    assert_eq!(used.last_used_at, Some(at(200)));
}

pub async fn organisation_tokens(store: Any) {
    let (root, _) = create(&store, "root").await;
    for (scope, org_id) in [(OrgScope::Admin, None), (OrgScope::Join, Some(root.id))] {
        let new = NewOrgToken {
            token: token(),
            name: Some("ci".to_owned()),
            created_by: "admin-token".to_owned(),
            scope,
            org_id,
        };
        store.add_org_token(&new, at(1)).await.unwrap();
        let found = store.find_token(new.token.hash).await.unwrap().unwrap();
        assert_eq!(found.owner, Owner::Org { scope, org_id });
        assert_eq!(found.name.as_deref(), Some("ci"));
    }
    let listed = store.org_tokens(10).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(store.revoke_org_token(listed[0].id, at(2)).await.unwrap().is_some());
    assert!(store.revoke_org_token(listed[0].id, at(2)).await.unwrap().is_none());
    assert_eq!(store.org_tokens(10).await.unwrap().len(), 1);
}
