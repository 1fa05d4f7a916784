//! Drivers that carry messages over channels: sessions with carriers on tokio.
