//! What a property is tried with; for the properties of the library too.

use proptest::test_runner::{Config, RngSeed};

/// How many cases a property is tried with. Every day the same few, so that what was green stays so until the code
/// changes; `OTTO_TEST_CASES` asks for a number of others, each time anew.
pub(crate) fn cases(few: u32) -> Config {
    let many = std::env::var("OTTO_TEST_CASES").ok().and_then(|n| n.parse().ok());
    let rng_seed = if many.is_some() { RngSeed::Random } else { RngSeed::Fixed(0x0770) };
    Config { cases: many.unwrap_or(few), failure_persistence: None, rng_seed, ..Config::default() }
}
