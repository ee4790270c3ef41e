//! What keeps the memory of this process from others: not dumpable, no core files.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Makes the process not dumpable and without core files. Debuggers and other processes of the
/// same user can no longer read its memory; root still can. Called first, before any secret is
/// read.
///
/// A failure is told on stderr and does not stop the process: containers may forbid either call,
/// and both protect only against who already runs as the same user.
pub fn harden() {
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    if let Err(error) = setrlimit(Resource::Core, none) {
        eprintln!("isomer: core files could not be turned off: {error}");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        eprintln!("isomer: the process could not be made undumpable: {error}");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn memory_is_not_for_others() {
        harden();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
