//! Questions to nodes with a role, on a network that can fail.

use super::*;
use crate::{
    roles::Role,
    testkit::{Network, Stage},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Says who it is, or nothing.
struct Says(&'static str);

impl Service for Says {
    fn serve(&self, request: Bytes) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let words = self.0;
        Box::pin(async move {
            match words {
                "" => std::future::pending().await,
                words => Ok([words.as_bytes(), b" heard ", &request].concat().into()),
            }
        })
    }
}

const WITHIN: Duration = Duration::from_millis(400);

async fn three() -> (Vec<Stage>, Network) {
    Stage::nodes(3).await
}

async fn ask(stage: &Stage) -> Result<Bytes, AskError> {
    stage.cluster.ask_service("echo", Role::Queue, Bytes::from_static(b"it"), WITHIN).await
}

#[actix::test]
async fn a_question_is_answered_by_another_node_and_by_a_second_if_the_first_is_silent() {
    let (stages, _network) = three().await;
    assert_eq!(ask(&stages[0]).await, Err(AskError::Unknown), "nobody offers it");
    stages[1].cluster.offer("echo", Arc::new(Says("one")));
    stages[2].cluster.offer("echo", Arc::new(Says("one")));
    assert_eq!(ask(&stages[0]).await, Ok(Bytes::from_static(b"one heard it")));
    stages[1].cluster.offer("echo", Arc::new(Says("")));
    for _ in 0..8 {
        assert_eq!(ask(&stages[0]).await, Ok(Bytes::from_static(b"one heard it")), "whomever it asks first");
    }
}

#[actix::test]
async fn nodes_that_do_not_answer_cost_no_more_than_the_time_and_are_asked_again_when_they_are_back() {
    let (stages, network) = three().await;
    for stage in &stages[1..] {
        stage.cluster.offer("echo", Arc::new(Says("back")));
        network.cut_off(stage.cluster.me());
    }
    let began = tokio::time::Instant::now();
    assert_eq!(ask(&stages[0]).await, Err(AskError::TimedOut), "the registry does not know yet");
    assert!(began.elapsed() <= WITHIN + Duration::from_millis(10), "{:?}", began.elapsed());
    stages[0].run_ms(10_000).await;
    assert_eq!(ask(&stages[0]).await, Err(AskError::Unavailable), "now it does: nobody waits");
    for stage in &stages[1..] {
        network.reconnect(stage.cluster.me());
    }
    stages[0].run_ms(3_000).await;
    assert_eq!(ask(&stages[0]).await, Ok(Bytes::from_static(b"back heard it")));
}
