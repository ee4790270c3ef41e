//! Tasks that one workspace gives to another.

use super::Directory;
use crate::api::RuntimeError;
use crate::delegations::DelegationsMsg;
use crate::domain::change::Effect;
use crate::domain::delegation::{Delegation, Kind, Step, Turn, asked, sent, told, turned};
use crate::domain::ids::WorkspaceId;
use crate::mailroom::dispatch::takes_mail;

impl Directory {
    /// Keeps a delegation, tells of it, and has it carried out. When this returns it is stored.
    ///
    /// # Errors
    /// `Superseded` when the source has one of this id, or of this key that has not failed; else
    /// as [`Directory::record`].
    pub async fn delegate(&self, delegation: Delegation) -> Result<(), RuntimeError> {
        let draft = sent(&delegation);
        let effect = Effect::Delegation(Step::Open(Box::new(delegation.clone())));
        self.record(delegation.source, vec![draft], vec![effect]).await?;
        self.context.activity.log(asked(&delegation));
        if delegation.kind == Kind::Delegated {
            let begin = DelegationsMsg::Begin(Box::new(delegation));
            // Down for a moment: then it is found in the store.
            let _ = self.context.mailroom.shared.delegations.cast(begin);
        }
        Ok(())
    }

    /// Records how its source says that a delegation ended; `false` when it had ended before.
    ///
    /// # Errors
    /// As [`Directory::record`].
    pub async fn report_delegation(
        &self,
        delegation: &Delegation,
        turn: Turn,
    ) -> Result<bool, RuntimeError> {
        self.turn_delegation(delegation, turn, true).await
    }

    /// Records a turn; `false` when it came too late.
    pub(crate) async fn turn_delegation(
        &self,
        delegation: &Delegation,
        turn: Turn,
        reported: bool,
    ) -> Result<bool, RuntimeError> {
        let draft = turned(delegation, &turn, reported);
        let row = told(delegation, &turn);
        let delegation_id = delegation.delegation_id.clone();
        let effect = Effect::Delegation(Step::Turn { delegation_id, turn });
        match self.record(delegation.source, vec![draft], vec![effect]).await {
            Ok(_) => {
                if let Some(row) = row {
                    self.context.activity.log(row);
                }
                Ok(true)
            }
            Err(RuntimeError::Superseded) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a workspace's agent is there and free, as far as is known, but for one
    /// message that was just posted.
    pub(crate) fn takes_now(&self, id: WorkspaceId) -> bool {
        self.context.indexes.cell(id).is_some_and(|cell| takes_mail(&cell))
    }
}
