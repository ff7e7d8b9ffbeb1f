//! The store under attack: whoever can write there swaps links and directories in, at every moment; stands in the way with
//! every bad input there is; and types the most dangerous command lines.

/// Whether anything outside was so much as looked at in a way that shows.
mod canary;
/// Everything that can be wrong with our own catalog.
mod catalog;
/// The command lines that nobody should type.
mod commands;
/// A disk without a byte left.
mod full;
/// Everything that can be wrong with what is read.
mod input;
/// A disk that states no size.
mod sizeless;
/// Links and directories swapped in at every change that a clean makes, and all the time.
mod swapped;
/// Links swapped in and out all the time while the real program runs.
mod swapping;
