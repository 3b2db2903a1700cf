//! The bare floor: the least that actix-web-actors can do for rooms of eight.
//!
//! `GET /ws?room=N` joins room N; a text frame goes to all its members by `do_send`. No accounts, no
//! envelope, no `seq`, no resume, no bounds: what Playhouse spends beyond this is what those cost.
//! `playhouse-load … --proto raw` drives it with the very generator that drives Playhouse.
//!
//! ```text
//! cargo bench --bench bare_fanout -- --path                              where the program is
//! PROGRAM --serve [--listen 127.0.0.1:8081] [--workers N]                 serve until killed
//! playhouse-load fanout --proto raw --spawn PROGRAM                      measure it
//! playhouse-load compare --playhouse target/release/playhouse --floor PROGRAM
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use actix_web::web::{Bytes, Data, Payload, Query, get};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer};
use actix_web_actors::ws::{self, WebsocketContext};
use serde::Deserialize;

const DEFAULT_LISTEN: &str = "127.0.0.1:8081";
/// `do_send` ignores it, but a mailbox of the default 16 would wake its sender again and again.
const ROOM_MAILBOX: usize = 8192;

/// One line for all members; cloning it copies a pointer.
#[derive(Clone, Message)]
#[rtype(result = "()")]
struct Line(Arc<ws::Message>);

#[derive(Message)]
#[rtype(result = "()")]
struct Join(Addr<Connection>);

#[derive(Message)]
#[rtype(result = "()")]
struct Leave(Addr<Connection>);

#[derive(Default)]
struct Room {
    members: Vec<Addr<Connection>>,
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(ROOM_MAILBOX);
    }
}

impl Handler<Join> for Room {
    type Result = ();

    fn handle(&mut self, Join(member): Join, _: &mut Self::Context) {
        self.members.push(member);
    }
}

impl Handler<Leave> for Room {
    type Result = ();

    fn handle(&mut self, Leave(member): Leave, _: &mut Self::Context) {
        self.members.retain(|other| *other != member);
    }
}

impl Handler<Line> for Room {
    type Result = ();

    fn handle(&mut self, line: Line, _: &mut Self::Context) {
        for member in &self.members {
            send(member, line.clone());
        }
    }
}

struct Connection {
    room: Addr<Room>,
}

impl Actor for Connection {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        send(&self.room, Join(ctx.address()));
    }

    fn stopped(&mut self, ctx: &mut Self::Context) {
        send(&self.room, Leave(ctx.address()));
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Connection {
    fn handle(&mut self, frame: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match frame {
            Ok(text @ ws::Message::Text(_)) => send(&self.room, Line(Arc::new(text))),
            Ok(ws::Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(ws::Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(_) => {}
            Err(_) => ctx.stop(),
        }
    }
}

impl Handler<Line> for Connection {
    type Result = ();

    fn handle(&mut self, Line(line): Line, ctx: &mut Self::Context) {
        if let ws::Message::Text(text) = &*line {
            ctx.text(text.clone());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the floor takes every short cut that Playhouse may not")]
fn send<A, M>(to: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: dev::ToEnvelope<A, M>,
    M: Message<Result = ()> + Send + 'static,
{
    to.do_send(message);
}

/// Gives out rooms, and starts them on the arbiters of the workers in turn.
#[derive(Default)]
struct Rooms {
    rooms: HashMap<u32, Addr<Room>>,
}

impl Actor for Rooms {
    type Context = Context<Self>;
}

/// Asks for the room of this number; whoever asks first has it on his own worker.
#[derive(Message)]
#[rtype(result = "Addr<Room>")]
struct Find(u32, ArbiterHandle);

impl Handler<Find> for Rooms {
    type Result = Addr<Room>;

    fn handle(&mut self, Find(number, arbiter): Find, _: &mut Self::Context) -> Addr<Room> {
        let start = || Room::start_in_arbiter(&arbiter, |_| Room::default());
        self.rooms.entry(number).or_insert_with(start).clone()
    }
}

#[derive(Deserialize)]
struct Wish {
    room: u32,
}

async fn join(
    request: HttpRequest,
    wish: Query<Wish>,
    rooms: Data<Addr<Rooms>>,
    stream: Payload,
) -> Result<HttpResponse, Error> {
    let found = rooms.send(Find(wish.room, Arbiter::current())).await;
    let room = found.map_err(actix_web::error::ErrorInternalServerError)?;
    ws::start(Connection { room }, &request, stream)
}

async fn hello() -> Bytes {
    Bytes::from_static(b"the bare floor\n")
}

async fn serve(listen: &str, workers: Option<usize>) -> std::io::Result<()> {
    let rooms = Rooms::default().start();
    let app = move || {
        let app = App::new().app_data(Data::new(rooms.clone()));
        app.route("/ws", get().to(join)).route("/", get().to(hello))
    };
    let mut server = HttpServer::new(app).tcp_nodelay(true);
    if let Some(workers) = workers {
        server = server.workers(workers);
    }
    println!("the bare floor listens on {listen}");
    server.bind(listen)?.run().await
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let value = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at + 1)
    };
    if has("--serve") {
        let workers = value("--workers").and_then(|n| n.parse().ok());
        let listen = value("--listen").map_or(DEFAULT_LISTEN, String::as_str);
        return System::new().block_on(serve(listen, workers));
    }
    let program = std::env::current_exe()?;
    if has("--path") {
        println!("{}", program.display());
    } else {
        println!("a server to compare with; start it with\n  {} --serve", program.display());
    }
    Ok(())
}
