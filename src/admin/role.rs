//! Owns who may ask for what: roles, actions and the one table between them.
//! Must never depend on a token's name, but for a sender's own account.

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A sender: dry runs and opt-ins for its own account (the token's name), and opt-outs it was told of.
    Sender,
    /// Runs the gateway.
    Operator,
    /// Answers for the list.
    Compliance,
    /// Reads, changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Sender, Self::Operator, Self::Compliance, Self::Auditor];

    /// The word of the token file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Operator => "operator",
            Self::Compliance => "compliance",
            Self::Auditor => "auditor",
        }
    }

    /// From its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether this role may do that.
    pub const fn may(self, action: Action) -> bool {
        match action {
            Action::Status | Action::RestoreShow => !matches!(self, Self::Sender),
            Action::Check | Action::Report => true,
            Action::Reload | Action::Drain => matches!(self, Self::Operator),
            Action::StopAdd | Action::ConsentRecord | Action::ConsentRevoke => {
                matches!(self, Self::Sender | Self::Compliance)
            }
            Action::LiftPropose
            | Action::LiftDecide
            | Action::GdprAccess
            | Action::GdprErase
            | Action::LossRecord
            | Action::LossConfirm => {
                matches!(self, Self::Compliance)
            }
            Action::Why
            | Action::StopShow
            | Action::StopList
            | Action::StopReview
            | Action::StopExport
            | Action::ConsentShow
            | Action::LiftList
            | Action::ConsentExport => {
                matches!(self, Self::Compliance | Self::Auditor)
            }
        }
    }
}

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Status,
    Check,
    /// Figures without numbers: a sender's own account only.
    Report,
    Why,
    StopAdd,
    StopShow,
    StopList,
    /// Replies that were not understood as a STOP and may be one.
    StopReview,
    StopExport,
    ConsentRecord,
    ConsentRevoke,
    ConsentShow,
    ConsentExport,
    LiftPropose,
    /// Approve or refuse what somebody else proposed.
    LiftDecide,
    LiftList,
    /// All that is held of a person.
    GdprAccess,
    /// Erase a person's data.
    GdprErase,
    /// How it stands after a restore.
    RestoreShow,
    LossRecord,
    /// What somebody else recorded.
    LossConfirm,
    Reload,
    Drain,
}

impl Action {
    /// The stable word of logs and ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Check => "check",
            Self::Report => "report",
            Self::Why => "why",
            Self::StopAdd => "stop.add",
            Self::StopShow => "stop.show",
            Self::StopList => "stop.list",
            Self::StopReview => "stop.review",
            Self::StopExport => "stop.export",
            Self::ConsentRecord => "consent.record",
            Self::ConsentRevoke => "consent.revoke",
            Self::ConsentShow => "consent.show",
            Self::ConsentExport => "consent.export",
            Self::LiftPropose => "stop.lift.propose",
            Self::LiftDecide => "stop.lift.decide",
            Self::LiftList => "stop.lift.list",
            Self::GdprAccess => "gdpr.access",
            Self::GdprErase => "gdpr.erase",
            Self::RestoreShow => "restore.show",
            Self::LossRecord => "restore.loss.record",
            Self::LossConfirm => "restore.loss.confirm",
            Self::Reload => "reload",
            Self::Drain => "drain",
        }
    }

    /// The roles that may, for the error of one that may not.
    pub fn roles(self) -> String {
        let roles = Role::ALL.into_iter().filter(|role| role.may(self)).map(Role::word);
        roles.collect::<Vec<_>>().join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_for_compliance_and_auditors_and_auditors_change_nothing() {
        for action in [
            Action::Why,
            Action::StopShow,
            Action::StopList,
            Action::StopReview,
            Action::StopExport,
            Action::ConsentShow,
            Action::ConsentExport,
            Action::LiftList,
        ] {
            assert!(!Role::Sender.may(action) && !Role::Operator.may(action), "{action:?}");
            assert_eq!(action.roles(), "compliance or auditor");
        }
        for action in [
            Action::LiftPropose,
            Action::LiftDecide,
            Action::GdprAccess,
            Action::GdprErase,
            Action::LossRecord,
            Action::LossConfirm,
        ] {
            assert_eq!(action.roles(), "compliance");
        }
        for action in [Action::StopAdd, Action::ConsentRecord, Action::ConsentRevoke, Action::Reload, Action::Drain] {
            assert!(!Role::Auditor.may(action), "{action:?}");
        }
        assert!(!Role::Sender.may(Action::Status), "a sender sees no other account");
    }
}
