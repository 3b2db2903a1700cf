//! A db node that stops, and commits that wait for one that is silent.

use super::*;
use crate::store::remote::Asks;

/// Some turns of the thread: what can go on has gone on.
async fn turns() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn asks(store: &Store) -> Asks {
    store.asks().expect("its database is elsewhere")
}

fn goes(node: NodeId) -> Bytes {
    pack(&node).expect("packed").into()
}

#[actix::test]
async fn a_node_that_leaves_has_answered_all_it_was_asked_and_is_asked_nothing_more() {
    let (nodes, [leaving, staying]) = Two::new(Does::Answer, Does::Answer);
    let store = store(&nodes, |_| ());
    let gate = nodes.0.gate.write().await;
    let open: Vec<_> = (0..8).map(|_| store.commit(commit(Uuid::now_v7(), 1))).collect();
    let reads = store.clone();
    let read = tokio::spawn(async move { reads.balance(PlayerId::new()).await });
    let given_up = store.clone();
    let given_up = tokio::spawn(async move { given_up.balance(PlayerId::new()).await });
    turns().await;
    given_up.abort();
    let mut left = asks(&store).serve(goes(leaving));
    assert!(futures_util::poll!(&mut left).is_pending(), "it has questions: {:?}", nodes.whom());
    drop(gate);
    assert!(futures_util::future::join_all(open).await.iter().all(Result::is_ok));
    assert_eq!(read.await.expect("ends"), Ok(7));
    assert_eq!(left.await, Ok(Bytes::new()));
    let before = nodes.whom().len();
    for _ in 0..8 {
        assert_eq!(store.balance(PlayerId::new()).await, Ok(7));
        assert_eq!(store.commit(commit(Uuid::now_v7(), 1)).await, Ok(()));
    }
    assert_eq!(nodes.whom()[before..], [staying; 16]);
}

#[actix::test]
async fn when_all_leave_nothing_is_done_rather_than_in_doubt() {
    let (nodes, ids) = Two::new(Does::Answer, Does::Answer);
    let store = store(&nodes, |_| ());
    for node in ids {
        assert_eq!(asks(&store).serve(goes(node)).await, Ok(Bytes::new()), "nothing is open");
    }
    let refused = store.commit(commit(Uuid::now_v7(), 1)).await.expect_err("nobody stays");
    assert!(matches!(refused, CommitError::Failed(_)), "{refused}");
    assert!(nodes.whom().is_empty());
    assert_eq!(asks(&store).serve(Bytes::from_static(&[1])).await, Err(AskError::Unknown));
}

#[actix::test]
async fn what_an_entity_commits_while_its_last_commit_waits_holds_up_no_other() {
    tokio::time::pause();
    let (nodes, [silent, _]) = Two::new(Does::Nothing, Does::Answer);
    let store = store(&nodes, |_| ());
    let mut stuck = Uuid::now_v7();
    let mut first = store.commit(commit(stuck, 1));
    turns().await;
    while nodes.whom().last() != Some(&silent) {
        assert_eq!(first.await, Ok(()));
        stuck = Uuid::now_v7();
        first = store.commit(commit(stuck, 1));
        turns().await;
    }
    let second = store.commit(commit(stuck, 2));
    let began = Instant::now();
    for _ in 0..8 {
        assert_eq!(store.commit(commit(Uuid::now_v7(), 1)).await, Ok(()));
    }
    assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
    assert_eq!(nodes.batches().concat().iter().filter(|key| **key == stuck).count(), 1);
    assert!(matches!(first.await, Err(CommitError::Unknown(_))));
    assert_eq!(second.await, Ok(()), "after the first, at the node that is not silent");
}
