//! The tree: what the runner wrote, read without following a link or trusting a name, and the only code that changes it.

pub mod cache_place;
pub mod change;
pub mod contents;
pub mod dir;
pub mod identity;
pub mod layout;
pub mod liveness;
pub mod lock;
mod log_tail;
pub mod measure;
mod new_file;
pub mod observation;
pub mod outside;
pub mod own_files;
pub mod parts;
pub mod project_walk;
pub mod reference;
pub mod reserve;
pub mod root;
pub mod run_files;
pub mod run_walk;
pub mod run_yaml;
pub mod runner_db;
pub mod shape;
pub mod trash;
pub mod user_file;
