//! What one access token costs (spec 2.1): its first check, with the signature, and every later one.
//!
//! `cargo bench --all-features --bench access_token`. One core; tokens of an installation on SQLite, which is asked
//! for nothing while they are checked.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use playhouse::{auth::Identity, clock::SystemClock, config::Config, store::Store};
use std::{hint::black_box, sync::Arc};

fn check(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (remembers, forgets, token) = actix::System::new().block_on(async {
        let mut config = Config::default();
        config.data.dir = dir.path().to_owned();
        let store = Store::open(&config, Arc::new(SystemClock)).await.unwrap();
        let open = async |token_cache: usize| {
            let mut config = config.clone();
            config.auth.token_cache = token_cache;
            Identity::open(&store, &Arc::new(config), Arc::new(SystemClock)).await.unwrap()
        };
        let remembers = open(config.auth.token_cache).await;
        let (_, tokens) = remembers.create_guest(Some("Ann")).await.unwrap();
        (remembers, open(0).await, tokens.access_token)
    });
    let mut group = criterion.benchmark_group("access token");
    group.bench_function("cold", |bench| bench.iter(|| forgets.verify_access(black_box(&token)).unwrap()));
    group.bench_function("seen", |bench| bench.iter(|| remembers.verify_access(black_box(&token)).unwrap()));
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
