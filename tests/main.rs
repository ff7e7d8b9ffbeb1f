//! The library's promises, held to stores on disk. One binary, so that it links once; each module one line here.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

/// Which module may use which, and which word has which home: the source against two tables.
mod architecture;
/// Runs in a file: the way there and back is the identity, what was tampered with is refused whole, what was stopped
/// leaves nothing half.
mod archive;
/// The program as its users meet it: every command, error, race and crash through the real binary.
mod binary;
/// Every kind of finding of a check: made, found, mended, and gone; and nothing where nothing is wrong.
mod check;
/// The plan is the contract: what a clean removes, what survives every form of it, and what it says it freed.
mod clean;
/// A clean stopped, or failing, at every change it makes; then recovery, stopped at every change too.
mod crash;
/// Rows of runs that left long ago: folded, and what of them stays.
mod fold;
/// Random and damaged bytes in whatever is read: no panic, no memory without end.
mod fuzz;
/// Swaps, bad input and dangerous command lines: nothing outside is touched, nothing inside is lost.
mod hostile;
/// What survives the loss of the catalog, by way of the audit log.
mod memory;
/// What narrows a clean takes what it says and nothing else, on random stores.
mod narrowing;
/// Dry run equals execution, cleaning twice is cleaning once, more is never less: on random stores.
mod properties;
/// Fresh without scanning: what is seen, what is not read again, and what bad input does.
mod refresh;
/// The rules of retention against an oracle that restates what restic documents.
mod restic;
/// The README's table of proofs against the tests that there are.
mod safety;
/// A runner at work in several projects, many runs a second, while the store is cleaned: again and again, by two, killed.
mod soak;
/// The table of evidence, row by row, in every era's shape.
mod status;
/// Stores, sessions, snapshots and faults for all of the above.
mod support;
/// What a clean keeps, what comes back, what is let go, and what each of that costs.
mod trash;
/// The run walker against a plain walk, on random trees.
mod walker;
