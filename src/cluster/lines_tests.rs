//! Lines between nodes on virtual time and a network that can fail: all that is said arrives in order, or both learn.

use super::{Cluster, Line, LineEvent, OnLine};
use crate::{
    config::Config,
    roles::Role,
    testkit::{Network, Stage},
};
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// What an end has heard, and its line while it keeps it.
#[derive(Clone, Default)]
struct Ear {
    heard: Arc<Mutex<Vec<LineEvent>>>,
    line: Arc<Mutex<Option<Line>>>,
}

impl Ear {
    fn on(&self) -> OnLine {
        let heard = self.heard.clone();
        Arc::new(move |event| heard.lock().expect("not poisoned").push(event))
    }

    /// What was said, and whether the line was lost after it.
    fn heard(&self) -> (Vec<u8>, bool) {
        let heard = self.heard.lock().expect("not poisoned");
        let lost = heard.last() == Some(&LineEvent::Lost);
        let said = heard.iter().filter_map(|event| match event {
            LineEvent::Said(said) => said.first().copied(),
            LineEvent::Lost => None,
        });
        (said.collect(), lost)
    }

    fn say(&self, said: u8) -> bool {
        let line = self.line.lock().expect("not poisoned");
        line.as_ref().is_some_and(|line| line.send(Bytes::copy_from_slice(&[said])).is_ok())
    }

    fn hang_up(&self) {
        self.line.lock().expect("not poisoned").take();
    }
}

/// A service that keeps its line and listens.
fn serve(cluster: &Cluster) -> Ear {
    let ear = Ear::default();
    let kept = ear.clone();
    cluster.serve_lines(
        "echo",
        Arc::new(move |_, line| {
            *kept.line.lock().expect("not poisoned") = Some(line);
            kept.on()
        }),
    );
    ear
}

fn config(roles: &[Role]) -> Config {
    let mut config = Config::default();
    config.node.roles = roles.to_vec();
    config
}

/// A node without media and one that has them, and a line between them.
async fn two() -> (Stage, Stage, Network, Ear, Ear) {
    let roles = [Role::Gateway, Role::Game, Role::Queue, Role::Worker, Role::Db];
    let (mut stages, network) =
        Stage::nodes_with(vec![config(&roles), config(&[Role::Media, Role::Db])]).await;
    let (there, here) = (stages.pop().expect("two"), stages.pop().expect("one"));
    let (mine, theirs) = (Ear::default(), serve(&there.cluster));
    let line = here.cluster.open_line(Role::Media, "echo", Uuid::now_v7(), mine.on());
    *mine.line.lock().expect("not poisoned") = Some(line.expect("a node of that role"));
    here.run_ms(10).await;
    (here, there, network, mine, theirs)
}

#[actix::test]
async fn what_is_said_arrives_in_order_both_ways_and_a_line_that_is_dropped_closes() {
    let (here, there, _, mine, theirs) = two().await;
    assert!((1..=20).all(|n| mine.say(n)) && (101..=110).all(|n| theirs.say(n)));
    here.run_ms(20_000).await;
    assert_eq!(theirs.heard(), ((1..=20).collect(), false), "and it stands, for both live");
    assert_eq!(mine.heard(), ((101..=110).collect(), false));
    mine.hang_up();
    here.run_ms(10).await;
    assert!(theirs.heard().1 && !theirs.say(1));
    assert_eq!((here.cluster.lines(), there.cluster.lines()), (0, 0));
}

/// The second of what is said is lost; whether more is said after it.
async fn lose_one(more: bool) {
    let (here, there, network, mine, theirs) = two().await;
    assert!(mine.say(1));
    here.run_ms(10).await;
    network.lose(1);
    mine.say(2);
    if more {
        mine.say(3);
    }
    here.run_ms(2_500).await;
    assert_eq!((theirs.heard(), mine.heard()), ((vec![1], true), (vec![], true)));
    assert_eq!((here.cluster.lines(), there.cluster.lines()), (0, 0));
}

#[actix::test]
async fn what_is_lost_on_the_way_loses_the_line_for_both() {
    lose_one(true).await;
}

#[actix::test]
async fn the_last_of_what_is_said_is_missed_at_the_next_beat() {
    lose_one(false).await;
}

#[actix::test]
async fn a_node_that_dies_takes_its_lines_along() {
    let (here, there, network, mine, _theirs) = two().await;
    network.cut_off(there.cluster.me());
    there.die();
    here.run_ms(8_000).await;
    assert!(mine.heard().1);
    assert_eq!(here.cluster.lines(), 0);
    let again = here.cluster.open_line(Role::Media, "echo", Uuid::now_v7(), mine.on());
    assert!(again.is_none(), "there is no other node of that role");
}

#[actix::test]
async fn a_service_that_nobody_offers_and_one_line_too_many_are_refused() {
    let full = Config {
        cluster: crate::config::ClusterSection { lines: 1, ..Default::default() },
        ..config(&[Role::Media, Role::Db])
    };
    let roles = [Role::Gateway, Role::Game, Role::Queue, Role::Worker, Role::Db];
    let (stages, _network) = Stage::nodes_with(vec![config(&roles), full]).await;
    let _theirs = serve(&stages[1].cluster);
    let open = |service| {
        let ear = Ear::default();
        let line = stages[0].cluster.open_line(Role::Media, service, Uuid::now_v7(), ear.on());
        *ear.line.lock().expect("not poisoned") = line;
        ear
    };
    let (unknown, first, second) = (open("nobody"), open("echo"), open("echo"));
    stages[0].run_ms(10).await;
    assert_eq!([unknown, first, second].map(|ear| ear.heard().1), [true, false, true]);
}
