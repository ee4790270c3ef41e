//! The streamed answers that `tasks/get` and `tasks/cancel` can name.
//!
//! In memory and bounded: the oldest finished task makes room. More tasks can
//! be kept than calls can run at once, so one at work is never dropped.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::protocol::{Task, TaskState};

/// How many tasks are remembered. Above the limit on concurrent calls.
const MAX_TASKS: usize = 128;
const _: () = assert!(MAX_TASKS > super::rpc::MAX_CALLS);

#[derive(Debug, Default)]
pub(super) struct Tasks {
    kept: Mutex<VecDeque<Kept>>,
}

#[derive(Debug)]
struct Kept {
    task: Task,
    cancel: CancellationToken,
}

/// Why a task was not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotCanceled {
    Unknown,
    Finished,
}

impl Tasks {
    /// Remembers a task at work; the token is cancelled when somebody cancels it.
    pub(super) fn insert(&self, task: Task) -> CancellationToken {
        let cancel = CancellationToken::new();
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_TASKS {
            let oldest = kept.iter().position(|kept| kept.task.state.is_final());
            oldest.map(|index| kept.remove(index));
        }
        kept.push_back(Kept { task, cancel: cancel.clone() });
        cancel
    }

    pub(super) fn get(&self, id: &str) -> Option<Task> {
        let kept = self.kept.lock();
        let found = kept.iter().rev().find(|kept| kept.task.id == id);
        found.map(|kept| kept.task.clone())
    }

    /// Stores a newer version of a task. A finished one stays as it is.
    pub(super) fn update(&self, task: &Task) {
        let mut kept = self.kept.lock();
        if let Some(found) = kept.iter_mut().rev().find(|kept| kept.task.id == task.id)
            && !found.task.state.is_final()
        {
            found.task = task.clone();
        }
    }

    /// Cancels a task at work and returns it as it then is.
    pub(super) fn cancel(&self, id: &str) -> Result<Task, NotCanceled> {
        let mut kept = self.kept.lock();
        let found = kept.iter_mut().rev().find(|kept| kept.task.id == id);
        let found = found.ok_or(NotCanceled::Unknown)?;
        if found.task.state.is_final() {
            return Err(NotCanceled::Finished);
        }
        found.task.state = TaskState::Canceled;
        found.cancel.cancel();
        Ok(found.task.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_cancelled_once_and_stays_cancelled() {
        let tasks = Tasks::default();
        let mut task = Task::new("c".into());
        let cancel = tasks.insert(task.clone());
        assert_eq!(tasks.cancel("other"), Err(NotCanceled::Unknown));
        assert_eq!(tasks.cancel(&task.id).unwrap().state, TaskState::Canceled);
        assert!(cancel.is_cancelled());
        assert_eq!(tasks.cancel(&task.id), Err(NotCanceled::Finished));
        task.state = TaskState::Completed;
        tasks.update(&task);
        assert_eq!(tasks.get(&task.id).unwrap().state, TaskState::Canceled);
    }

    #[test]
    fn the_oldest_finished_task_makes_room() {
        let tasks = Tasks::default();
        let working = Task::new("c".into());
        tasks.insert(working.clone());
        let mut done = Task::new("c".into());
        done.state = TaskState::Completed;
        tasks.insert(done.clone());
        for _ in 2..=MAX_TASKS {
            tasks.insert(Task::new("c".into()));
        }
        assert!(tasks.get(&working.id).is_some());
        assert!(tasks.get(&done.id).is_none());
        assert_eq!(tasks.kept.lock().len(), MAX_TASKS);
    }
}
