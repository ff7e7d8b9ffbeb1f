//! The run catalog for otto.

pub mod model;
pub mod store;
