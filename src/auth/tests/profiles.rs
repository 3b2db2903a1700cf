//! `GET /me` from memory: no question to SQL, and how old the answer may be.

use super::*;

async fn nickname(identity: &Identity, id: PlayerId) -> String {
    identity.profile(id).await.expect("is there").account.nickname.clone()
}

/// Another node, which hears over the bus what this one changes.
async fn listener(kit: &Kit) -> Identity {
    let other = Identity::open(&kit.store, &kit.config, kit.clock.clone()).await.expect("another node");
    let hears = other.clone();
    let told = kit.identity.0.on_change.set(Box::new(move |change| {
        hears.learn(&change);
    }));
    assert!(told.is_ok(), "nobody listened before");
    other
}

#[actix::test]
async fn a_known_profile_and_its_token_need_no_database_until_their_time_is_over() {
    let kit = Kit::new().await;
    let (ann, tokens) = kit.guest("Ann").await;
    nickname(&kit.identity, ann.id).await;
    kit.store.close().await;
    for _ in 0..100 {
        let who = kit.identity.verify_access(&tokens.access_token).expect("good");
        assert_eq!(nickname(&kit.identity, who.account).await, "Ann");
    }
    kit.clock.advance_s(1);
    assert!(kit.identity.profile(ann.id).await.is_err(), "a second old: it is looked up again");
}

#[actix::test]
async fn what_one_node_changes_another_shows_at_once_if_it_hears_of_it() {
    let kit = Kit::new().await;
    let (ann, tokens) = kit.guest("Ann").await;
    let other = listener(&kit).await;
    assert_eq!(nickname(&other, ann.id).await, "Ann");
    kit.identity.change_profile(ann.id, Some("Anna"), None).await.expect("free");
    assert_eq!(
        (nickname(&kit.identity, ann.id).await, nickname(&other, ann.id).await),
        ("Anna".into(), "Anna".into())
    );
    assert!(other.verify_access(&tokens.access_token).is_ok(), "and nobody is signed out by it");
}

#[actix::test]
async fn a_node_that_hears_nothing_shows_a_change_within_a_second() {
    let kit = Kit::new().await;
    let other = Identity::open(&kit.store, &kit.config, kit.clock.clone()).await.expect("another node");
    let (ann, _) = kit.guest("Ann").await;
    assert_eq!(nickname(&other, ann.id).await, "Ann");
    kit.identity.rename(ann.id, "Anna").await.expect("free");
    assert_eq!(nickname(&other, ann.id).await, "Ann");
    kit.clock.advance_s(1);
    assert_eq!(nickname(&other, ann.id).await, "Anna");
}

#[actix::test]
async fn what_was_read_before_a_change_is_not_kept_after_it() {
    let kit = Kit::new().await;
    let other = listener(&kit).await;
    let (ann, _) = kit.guest("Ann").await;
    for n in 0..20 {
        let name = format!("Anna{n}");
        let (_, renamed) = tokio::join!(other.profile(ann.id), kit.identity.rename(ann.id, &name));
        renamed.expect("free");
        assert_eq!(nickname(&other, ann.id).await, name);
    }
}
