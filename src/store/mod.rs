//! The tree that the runner leaves behind, and the runner's own database: what is there, and who works in it.

pub mod liveness;
pub mod run_yaml;
pub mod runner_db;
