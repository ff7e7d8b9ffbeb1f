//! `embed_migrations!` reads the folder at compile time but does not watch it: without this line a migration that is
//! added later would silently be missing from the binary.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
