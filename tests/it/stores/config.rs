//! Configuration documents: both stores join values as PostgreSQL does.

use std::sync::Arc;

use isomer_actors::domain::config::joined;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{MAX_CONFIG, Refusal, Store, StoreError};
use serde_json::{Value, json};

use super::suite::{at, create};

type Any = Arc<dyn Store>;

pub async fn documents_are_joined_one_after_the_other(store: Any) {
    let values = [
        json!({"a": 1, "b": {"x": 1}}),
        json!({"b": {"y": 2}, "c": null}),
        json!([1, "é\n"]),
        json!([[2]]),
        json!("x"),
        json!(1.5),
        json!(true),
        json!(null),
        json!({}),
    ];
    for first in &values {
        for second in &values {
            let (row, _) = create(&store, "one").await;
            assert_eq!(store.config(row.id).await.unwrap(), None);
            store.merge_config(row.id, first, at(2)).await.unwrap();
            assert_eq!(store.config(row.id).await.unwrap().as_ref(), Some(first));
            store.merge_config(row.id, second, at(3)).await.unwrap();
            let expected = joined(first.clone(), second.clone());
            assert_eq!(store.config(row.id).await.unwrap(), Some(expected));
        }
    }
}

pub async fn documents_are_bounded_and_belong_to_somebody(store: Any) {
    let refusal = |result: Result<(), StoreError>| match result {
        Err(StoreError::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    };
    let nobody = store.merge_config(WorkspaceId::random(), &json!({}), at(1)).await;
    assert_eq!(refusal(nobody), Refusal::WorkspaceUnknown);
    let (row, _) = create(&store, "one").await;
    let part = |name: &str| json!({name: "x".repeat(MAX_CONFIG / 2)});
    store.merge_config(row.id, &part("a"), at(2)).await.unwrap();
    let full = store.merge_config(row.id, &part("b"), at(3)).await;
    assert!(matches!(refusal(full), Refusal::Full(_)));
    let kept: Value = store.config(row.id).await.unwrap().unwrap();
    assert_eq!(kept, part("a"));
    store.merge_config(row.id, &json!({"a": 1}), at(4)).await.unwrap();
    // Side by side, none is lost.
    let writes = (0..20).map(|n| {
        let (store, id) = (Arc::clone(&store), row.id);
        async move { store.merge_config(id, &json!({format!("k{n}"): n}), at(5)).await }
    });
    futures_util::future::join_all(writes).await.into_iter().for_each(|done| done.unwrap());
    let kept = store.config(row.id).await.unwrap().unwrap();
    assert_eq!(kept.as_object().unwrap().len(), 21);
}
