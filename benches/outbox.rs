//! The hot path of a room without its sockets: encode a push once, hand it to eight outboxes, drain them.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use playhouse::{
    actors::session::{Bounds, Outbox, Outgoing},
    config::Limits,
    protocol::{Encoding, Push},
};
use std::{
    hint::black_box,
    task::{Context, Waker},
};

const MEMBERS: u64 = 8;

fn fan_out(criterion: &mut Criterion) {
    let bounds = Bounds::from(&Limits::default());
    let outboxes: Vec<_> = (0..MEMBERS).map(|_| Outbox::new(bounds, 0)).collect();
    let mut group = criterion.benchmark_group("fan-out to eight");
    group.throughput(Throughput::Elements(MEMBERS));
    for (name, encoding) in [("json", Encoding::Json), ("msgpack", Encoding::MsgPack)] {
        let attachments: Vec<_> = outboxes.iter().map(|outbox| outbox.attach(encoding)).collect();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let push = Push::new("chat.message", &serde_json::json!({"text": "x".repeat(64)}));
                for (outbox, attachment) in outboxes.iter().zip(&attachments) {
                    outbox.push(push.clone());
                    let mut cx = Context::from_waker(Waker::noop());
                    let _ = outbox.poll_drain(*attachment, &mut cx, &mut |item, _| {
                        if let Outgoing::Message(head, tail) = item {
                            black_box((head, tail));
                        }
                    });
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
