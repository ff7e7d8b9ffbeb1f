//! Fresh without scanning: what is noticed, what is not read again, and what bad input does.

mod catalogs;
mod hostile;
mod noticed;
