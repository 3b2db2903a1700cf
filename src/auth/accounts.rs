//! Guest accounts and nicknames (spec 1.2, 2.1).

use super::{AuthError, Identity, Nickname, NicknameFault, Principal, Tokens};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    store::{AccountRow, NicknameKeys},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many invented nicknames are tried before we give up: of millions, five are hardly all taken.
pub(super) const INVENTIONS: usize = 5;

/// What an account may do (spec 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// Plays.
    User,
    /// Events, rewards, rooms, queues.
    Operator,
    /// Reads every history, changes nothing.
    Auditor,
    /// Also accounts and roles.
    Admin,
}

impl Role {
    /// Whether this role may look at what is others'.
    pub fn is_staff(self) -> bool {
        self != Self::User
    }

    /// Its name in tokens, answers and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Operator => "OPERATOR",
            Self::Auditor => "AUDITOR",
            Self::Admin => "ADMIN",
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Operator, Self::Auditor, Self::Admin];

    fn from_stored(name: &str) -> Result<Self, AuthError> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or_else(|| AuthError::Bug(format!("no role is called {name}")))
    }
}

/// An account: `account` of the answers of spec 1.8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Account {
    /// In a room: the player.
    pub id: PlayerId,
    /// As people see it.
    pub nickname: String,
    /// Whether it has no password.
    pub guest: bool,
    /// What it may do.
    pub role: Role,
    /// Raised when all tokens issued before must fail.
    #[serde(skip)]
    pub epoch: i64,
}

impl TryFrom<AccountRow> for Account {
    type Error = AuthError;
    fn try_from(row: AccountRow) -> Result<Self, AuthError> {
        Ok(Self {
            id: PlayerId(row.account_id),
            role: Role::from_stored(&row.role)?,
            nickname: row.nickname,
            guest: row.guest,
            epoch: row.epoch,
        })
    }
}

impl Identity {
    /// Creates a guest, signed in. Without a nickname he gets an invented one that is free.
    pub async fn create_guest(&self, nickname: Option<&str>) -> Result<(Account, Tokens), AuthError> {
        if let Some(nickname) = nickname {
            let nickname = self.nickname(nickname)?;
            return self.create(&nickname).await?.ok_or(AuthError::NicknameTaken);
        }
        for _ in 0..INVENTIONS {
            let nickname = Nickname::invent(&self.0.config.limits)?;
            if let Some(created) = self.create(&nickname).await? {
                return Ok(created);
            }
        }
        Err(AuthError::Bug("no free nickname could be invented".into()))
    }

    /// `None`: the nickname is taken.
    async fn create(&self, nickname: &Nickname) -> Result<Option<(Account, Tokens)>, AuthError> {
        let row = new_account(nickname, true, Role::User);
        let (sign_in, refresh_token) = self.new_sign_in();
        if !self.0.store.create_account(&row, keys(nickname), &sign_in).await? {
            return Ok(None);
        }
        let account = Account::try_from(row)?;
        let tokens = self.tokens(&account, super::SignInId(sign_in.sign_in_id), &refresh_token)?;
        Ok(Some((account, tokens)))
    }

    /// An account by its id. One that is gone is [`AuthError::InvalidToken`]: only tokens lead here.
    pub async fn account(&self, id: PlayerId) -> Result<Account, AuthError> {
        let row = self.0.store.account(id).await?.filter(|row| row.deleted_at.is_none());
        row.ok_or(AuthError::InvalidToken)?.try_into()
    }

    /// Whether the account may sign in, or go on.
    pub(super) fn admit(&self, account: &AccountRow) -> Result<(), AuthError> {
        if account.deleted_at.is_some() {
            return Err(AuthError::InvalidToken);
        }
        match account.banned_until {
            Some(until) if until > self.0.clock.now().0 => Err(AuthError::Banned {
                reason: account.ban_reason.clone().unwrap_or_default(),
                until: (until != i64::MAX).then_some(UnixMs(until)),
            }),
            _ => Ok(()),
        }
    }

    /// Who holds this token now may open a socket: as the account stands in the store.
    pub async fn admit_to_play(&self, who: &Principal) -> Result<Account, AuthError> {
        let row = self.0.store.account(who.account).await?.ok_or(AuthError::InvalidToken)?;
        self.admit(&row)?;
        if row.epoch != who.epoch {
            return Err(AuthError::InvalidToken);
        }
        row.try_into()
    }

    /// Why this nickname cannot be had now: `taken` or the fault's name. `None`: it is free.
    pub async fn nickname_obstacle(&self, nickname: &str) -> Result<Option<&'static str>, AuthError> {
        let nickname = match Nickname::parse(nickname, &self.0.config.limits) {
            Ok(nickname) => nickname,
            Err(fault) => return Ok(Some(fault.reason())),
        };
        let taken = self.0.store.is_nickname_taken(keys(&nickname)).await?;
        Ok(taken.then_some("taken"))
    }

    /// Gives an account another nickname and answers with it as it is shown. Access tokens keep the old one
    /// until they are refreshed, a session until it ends.
    pub async fn rename(&self, id: PlayerId, nickname: &str) -> Result<String, AuthError> {
        let nickname = self.nickname(nickname)?;
        if self.0.store.rename(id, nickname.as_str(), keys(&nickname)).await? {
            self.forget_profile(id);
            Ok(nickname.as_str().to_owned())
        } else {
            Err(AuthError::NicknameTaken)
        }
    }

    pub(super) fn nickname(&self, text: &str) -> Result<Nickname, NicknameFault> {
        Nickname::parse(text, &self.0.config.limits)
    }
}

/// An account that is to be stored.
pub(super) fn new_account(nickname: &Nickname, guest: bool, role: Role) -> AccountRow {
    AccountRow {
        account_id: PlayerId::new().0,
        nickname: nickname.as_str().to_owned(),
        guest,
        role: role.as_str().to_owned(),
        epoch: 0,
        banned_until: None,
        ban_reason: None,
        deleted_at: None,
    }
}

pub(super) fn keys(nickname: &Nickname) -> NicknameKeys<'_> {
    NicknameKeys { key: nickname.key(), look: nickname.look() }
}
