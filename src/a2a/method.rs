//! What the methods of both generations are called.

use isomer_actors::domain::dialect::Generation;

/// What is asked of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Send,
    Stream,
    GetTask,
    ListTasks,
    CancelTask,
    Subscribe,
    CreatePush,
    GetPush,
    ListPush,
    DeletePush,
    ExtendedCard,
}

/// Every operation with its method in 0.3, where it has one, and in 1.0.
const METHODS: [(Operation, Option<&str>, &str); 11] = [
    (Operation::Send, Some("message/send"), "SendMessage"),
    (Operation::Stream, Some("message/stream"), "SendStreamingMessage"),
    (Operation::GetTask, Some("tasks/get"), "GetTask"),
    (Operation::ListTasks, None, "ListTasks"),
    (Operation::CancelTask, Some("tasks/cancel"), "CancelTask"),
    (Operation::Subscribe, Some("tasks/resubscribe"), "SubscribeToTask"),
    (
        Operation::CreatePush,
        Some("tasks/pushNotificationConfig/set"),
        "CreateTaskPushNotificationConfig",
    ),
    (Operation::GetPush, Some("tasks/pushNotificationConfig/get"), "GetTaskPushNotificationConfig"),
    (
        Operation::ListPush,
        Some("tasks/pushNotificationConfig/list"),
        "ListTaskPushNotificationConfigs",
    ),
    (
        Operation::DeletePush,
        Some("tasks/pushNotificationConfig/delete"),
        "DeleteTaskPushNotificationConfig",
    ),
    (Operation::ExtendedCard, Some("agent/getAuthenticatedExtendedCard"), "GetExtendedAgentCard"),
];

/// Tells which generation a method belongs to, and what it asks. `None` for one of neither.
pub fn method(name: &str) -> Option<(Generation, Operation)> {
    METHODS.into_iter().find_map(|(operation, old, new)| match () {
        () if old == Some(name) => Some((Generation::V03, operation)),
        () if new == name => Some((Generation::V10, operation)),
        () => None,
    })
}

impl Operation {
    /// Returns the method that asks it; `None` when `generation` has none.
    pub fn name(self, generation: Generation) -> Option<&'static str> {
        let (_, old, new) = METHODS.into_iter().find(|(operation, ..)| *operation == self)?;
        match generation {
            Generation::V03 => old,
            Generation::V10 => Some(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_operation_belong_together() {
        for (operation, ..) in METHODS {
            for generation in Generation::ALL {
                let name = operation.name(generation);
                assert!(name.is_some() || operation == Operation::ListTasks);
                if let Some(name) = name {
                    assert_eq!(method(name), Some((generation, operation)));
                }
            }
        }
        assert_eq!(method("tasks/forget"), None);
        assert_eq!(method(""), None);
    }
}
