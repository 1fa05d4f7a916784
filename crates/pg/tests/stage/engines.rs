//! The engines that the conformance story runs over.

/// Which implementation of the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Makes a test of each function for each engine.
macro_rules! on_every_engine {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                super::$name(crate::engines::Engine::Sqlite).await;
            })+
        }

        mod postgres {
            $(#[tokio::test] async fn $name() {
                super::$name(crate::engines::Engine::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_every_engine;
