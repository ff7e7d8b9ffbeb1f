//! The run catalog for otto.

pub mod catalog;
pub mod clean;
pub mod index;
pub mod model;
pub mod practice;
pub mod progress;
pub mod report;
pub mod retention;
pub mod session;
pub mod store;
