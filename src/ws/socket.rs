//! The outside hand: a second handle on each TCP socket, to cut off a peer that does not even read its close.

use std::{any::Any, net::Shutdown, os::fd::OwnedFd, sync::Arc};

/// A second handle on the connection's socket.
#[derive(Clone)]
pub(super) struct SocketHandle(Arc<OwnedFd>);

impl SocketHandle {
    /// Both directions down, whatever is still queued.
    pub(super) fn cut(&self) {
        let _ = socket2::SockRef::from(&*self.0).shutdown(Shutdown::Both); // gone already is as good
    }
}

/// For `HttpServer::on_connect`: keeps the handle with the connection.
pub fn remember_socket(io: &dyn Any, data: &mut actix_web::dev::Extensions) {
    use std::os::fd::AsFd;
    if let Some(tcp) = io.downcast_ref::<actix_web::rt::net::TcpStream>()
        && let Ok(fd) = tcp.as_fd().try_clone_to_owned()
    {
        data.insert(SocketHandle(Arc::new(fd)));
    }
}
