//! A way to a database server that can be slowed and cut: what a network does to it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes carried at once.
const PIECE: usize = 16 * 1024;

/// A port on loopback that leads to the unix socket of a server.
pub(crate) struct Proxy {
    addr: SocketAddr,
    road: Arc<Road>,
}

struct Road {
    socket: PathBuf,
    delay_millis: AtomicU64,
    is_closed: AtomicBool,
    under_way: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Opens the way to `socket`.
    pub(crate) fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let road = Arc::new(Road {
            socket: socket.to_owned(),
            delay_millis: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            under_way: Mutex::default(),
        });
        let carrying = Arc::clone(&road);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A server that is being restarted refuses; so does the proxy, by closing.
                let _refused = carrying.carry(stream);
            }
        });
        Self { addr, road }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every piece, in either direction, takes so much longer from now on.
    pub(crate) fn delay(&self, by: Duration) {
        self.road.delay_millis.store(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Ends every connection, in the middle of whatever it carries. Returns how many there were.
    pub(crate) fn cut(&self) -> usize {
        let mut under_way = self.road.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = under_way.drain(..).filter(|stream| stream.shutdown(Shutdown::Both).is_ok());
        alive.count()
    }

    /// Refuses connections, or takes them again.
    pub(crate) fn close(&self, is_closed: bool) {
        self.road.is_closed.store(is_closed, Ordering::Relaxed);
    }
}

impl Road {
    fn carry(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return client.shutdown(Shutdown::Both);
        }
        client.set_nodelay(true)?;
        let server = UnixStream::connect(&self.socket)?;
        let (from_client, to_client) = (client.try_clone()?, client.try_clone()?);
        let (from_server, to_server) = (server.try_clone()?, server.try_clone()?);
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        thread::spawn(move || {
            there.copy(from_client, to_server);
            let _closed = server.shutdown(Shutdown::Both);
        });
        thread::spawn(move || {
            back.copy(from_server, &to_client);
            let _closed = to_client.shutdown(Shutdown::Both);
        });
        Ok(())
    }

    fn copy(&self, mut from: impl Read, mut to: impl Write) {
        let mut piece = vec![0; PIECE];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let delay = self.delay_millis.load(Ordering::Relaxed);
            if delay > 0 {
                thread::sleep(Duration::from_millis(delay));
            }
            if to.write_all(&piece[..count]).is_err() {
                return;
            }
        }
    }
}

/// A server of one line: says back what it was told.
#[test]
fn what_is_cut_ends_and_what_is_slow_arrives() {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixListener;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(line)) = lines.next() {
                    (&stream).write_all(format!("{line}\n").as_bytes()).unwrap();
                }
            });
        }
    });
    let proxy = Proxy::to(&socket);
    let connect = || TcpStream::connect(proxy.addr()).unwrap();
    let ask = |stream: &TcpStream| {
        let mut answer = String::new();
        (&*stream).write_all(b"hongyan\n").ok()?;
        BufReader::new(stream).read_line(&mut answer).ok().filter(|count| *count > 0)?;
        Some(answer)
    };
    let stream = connect();
    assert_eq!(ask(&stream).as_deref(), Some("hongyan\n"));
    proxy.delay(Duration::from_millis(20));
    assert_eq!(ask(&stream).as_deref(), Some("hongyan\n"));
    assert_eq!(proxy.cut(), 1);
    assert_eq!(ask(&stream), None);
    proxy.close(true);
    assert_eq!(ask(&connect()), None);
    proxy.close(false);
    assert_eq!(ask(&connect()).as_deref(), Some("hongyan\n"));
}
