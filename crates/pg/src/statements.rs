//! Every statement of an engine, named, and listed for the test that prepares each.

/// Constants of these names, and `ALL` of them in tests.
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $text;)+

        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$((stringify!($name), $text),)+];
    };
}
