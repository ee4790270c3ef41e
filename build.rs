//! Builds the binary again when the canvas was built again: its files lie inside.

fn main() {
    // Watching a folder that is not there would build everything every time.
    let _ = std::fs::create_dir_all("canvas/dist");
    println!("cargo:rerun-if-changed=canvas/dist");
}
