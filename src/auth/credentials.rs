//! Full accounts: user name and password, guests who become one, log-in and its back-off (spec 2.1).

use super::{
    Account, AuthError, Identity, Nickname, Principal, Role, SignInId, Tokens,
    accounts::{INVENTIONS, keys, new_account},
    passwords::Password,
};
use crate::{
    clock::UnixMs,
    config,
    ids::PlayerId,
    store::{Added, AuditEntry, BackOff, CredentialsRow, EpochChange},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{net::IpAddr, sync::Arc};

/// Longest address for mail (RFC 5321).
const EMAIL_MAX: usize = 254;

/// What a new account is made of.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// To sign in with: nobody else sees it.
    pub username: &'a str,
    /// Hashed before it is stored.
    pub password: &'a str,
    /// May be left out.
    pub email: Option<&'a str>,
    /// One is invented if left out.
    pub nickname: Option<&'a str>,
}

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// What others see too.
    #[serde(flatten)]
    pub account: Account,
    /// A guest has none.
    pub username: Option<String>,
    /// May be left out.
    pub email: Option<String>,
}

/// A user name that keeps the rules, and its key: ASCII, so that nobody's looks like another's.
struct Username {
    shown: String,
    key: String,
}

impl Username {
    fn parse(text: &str, settings: &config::Auth) -> Result<Self, AuthError> {
        let fault = |reason| AuthError::Invalid { field: "username", reason };
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
            return Err(fault("bad_character"));
        }
        match text.len() {
            n if n < settings.username_min => Err(fault("too_short")),
            n if n > settings.username_max => Err(fault("too_long")),
            _ => Ok(Self { shown: text.to_owned(), key: text.to_ascii_lowercase() }),
        }
    }
}

/// Something before an `@` and something after: whether mail arrives only mail can say.
fn email(text: &str) -> Result<&str, AuthError> {
    let good = text.len() <= EMAIL_MAX
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text
            .split_once('@')
            .is_some_and(|(who, at)| !who.is_empty() && !at.is_empty() && !at.contains('@'));
    good.then_some(text).ok_or(AuthError::Invalid { field: "email", reason: "not_an_address" })
}

impl Identity {
    /// Creates an account, signed in.
    pub async fn create_account(&self, new: NewAccount<'_>) -> Result<(Profile, Tokens), AuthError> {
        let (mut credentials, password) = self.credentials(PlayerId::new(), new)?;
        let place = self.0.passwords.place()?;
        if self.0.store.credentials(&credentials.username_key).await?.is_some() {
            return Err(AuthError::UsernameTaken); // spares the hash
        }
        credentials.password_hash = place.hash(password).await?;
        let (account, tokens) = self.create_with(credentials.clone(), new.nickname, None).await?;
        Ok((profile(account, Some(credentials)), tokens))
    }

    /// Makes the first ADMIN, on the machine itself; audited as nobody's doing.
    pub async fn create_admin(&self, username: &str, password: &str) -> Result<Account, AuthError> {
        let new = NewAccount { username, password, email: None, nickname: None };
        let (mut credentials, password) = self.credentials(PlayerId::new(), new)?;
        credentials.password_hash = self.0.passwords.place()?.hash(password).await?;
        let target = format!("account/{}", credentials.account_id);
        let detail = serde_json::json!({"username": credentials.username});
        let entry =
            AuditEntry::new(self.0.clock.now(), (None, Role::Admin), "account.admin_created", target, detail);
        Ok(self.create_with(credentials, None, Some(&entry)).await?.0)
    }

    async fn create_with(
        &self,
        credentials: CredentialsRow,
        nickname: Option<&str>,
        entry: Option<&AuditEntry>,
    ) -> Result<(Account, Tokens), AuthError> {
        let role = if entry.is_some() { Role::Admin } else { Role::User };
        for _ in 0..INVENTIONS {
            let shown = match nickname {
                Some(nickname) => self.nickname(nickname)?,
                None => Nickname::invent(&self.0.config.limits)?,
            };
            let mut row = new_account(&shown, false, role);
            row.account_id = credentials.account_id;
            let (sign_in, refresh_token) = self.new_sign_in();
            let store = &self.0.store;
            match store.create_full_account(&row, keys(&shown), &credentials, &sign_in, entry).await? {
                Added::Done => {
                    let account = Account::try_from(row)?;
                    let tokens = self.tokens(&account, SignInId(sign_in.sign_in_id), &refresh_token)?;
                    return Ok((account, tokens));
                }
                Added::NicknameTaken if nickname.is_none() => {}
                Added::NicknameTaken => return Err(AuthError::NicknameTaken),
                Added::UsernameTaken | Added::NotAGuest => return Err(AuthError::UsernameTaken),
            }
        }
        Err(AuthError::Bug("no free nickname could be invented".into()))
    }

    /// Gives a guest a user name and a password: the account stays the same, and so do its tokens.
    pub async fn upgrade(&self, who: &Principal, new: NewAccount<'_>) -> Result<Profile, AuthError> {
        let (mut credentials, password) = self.credentials(who.account, new)?;
        let account = self.account(who.account).await?;
        if !account.guest {
            return Err(AuthError::Conflict("not_a_guest"));
        }
        credentials.password_hash = self.0.passwords.place()?.hash(password).await?;
        match self.0.store.upgrade_guest(&credentials, self.0.clock.now()).await? {
            Added::Done => {}
            Added::NotAGuest => return Err(AuthError::Conflict("not_a_guest")),
            Added::UsernameTaken | Added::NicknameTaken => return Err(AuthError::UsernameTaken),
        }
        self.forget_profile(who.account);
        Ok(profile(Account { guest: false, ..account }, Some(credentials)))
    }

    /// Signs in. The answer and its time are the same for no such user and a wrong password; each failure makes the
    /// next try of the name and of the address wait longer.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &str,
        address: IpAddr,
    ) -> Result<(Profile, Tokens), AuthError> {
        let key: String = username.chars().take(self.0.config.auth.username_max + 1).collect();
        let key = key.to_ascii_lowercase();
        let (name, address) = (hash("name", key.as_bytes()), hash("address", &network(address)));
        let place = self.0.passwords.place()?;
        self.begin_log_in(&name, &address).await?;
        let credentials = self.0.store.credentials(&key).await?;
        let hash = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
        let given = Password::given(password, &self.0.config.auth);
        let good = place.verify(given, hash).await?;
        let Some(credentials) = credentials.filter(|_| good) else {
            metrics::counter!("playhouse_log_ins_total", "outcome" => "failed").increment(1);
            return Err(AuthError::WrongCredentials);
        };
        self.0.store.log_in_succeeded(&name, &address).await?;
        metrics::counter!("playhouse_log_ins_total", "outcome" => "good").increment(1);
        let row = self.0.store.account(PlayerId(credentials.account_id)).await?;
        let row = row.ok_or(AuthError::WrongCredentials)?;
        self.admit(&row)?;
        let account = Account::try_from(row)?;
        let (sign_in, refresh_token) = self.new_sign_in();
        self.0.store.add_sign_in(account.id.0, &sign_in).await?;
        let tokens = self.tokens(&account, SignInId(sign_in.sign_in_id), &refresh_token)?;
        Ok((profile(account, Some(credentials)), tokens))
    }

    async fn begin_log_in(&self, name: &[u8], address: &[u8]) -> Result<(), AuthError> {
        let (settings, now) = (&self.0.config.auth, self.0.clock.now());
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let back_off = |free: u32| BackOff {
            free: i64::from(free),
            first_ms: ms(settings.log_in_first_wait_ms),
            max_ms: ms(settings.log_in_max_wait_ms),
            forget_ms: ms(settings.log_in_forget_s.saturating_mul(1_000)),
        };
        let who = [
            (name.to_vec(), back_off(settings.log_in_free)),
            (address.to_vec(), back_off(settings.log_in_free_address)),
        ];
        let blocked = self.0.store.begin_log_in(&who, now).await?.err();
        blocked.map_or(Ok(()), |until| {
            metrics::counter!("playhouse_log_ins_total", "outcome" => "blocked").increment(1);
            Err(AuthError::LogInBlocked { wait_ms: u64::try_from(UnixMs(until) - now).unwrap_or(0) })
        })
    }

    /// Changes a password and ends every other sign-in of the account. Guesses at the old one wait as log-ins do.
    pub async fn change_password(
        &self,
        who: &Principal,
        current: &str,
        new: &str,
        address: IpAddr,
    ) -> Result<(), AuthError> {
        let settings = &self.0.config.auth;
        let credentials = self.0.store.credentials_of(who.account.0).await?;
        let credentials = credentials.ok_or(AuthError::Conflict("guest_without_password"))?;
        let new = Password::chosen(new, &credentials.username, settings)?;
        let (name, address) =
            (hash("name", credentials.username_key.as_bytes()), hash("address", &network(address)));
        let place = self.0.passwords.place()?;
        self.begin_log_in(&name, &address).await?;
        let (given, before) = (Password::given(current, settings), credentials.password_hash);
        if !place.verify(given, Some(before.clone())).await? {
            return Err(AuthError::WrongCredentials);
        }
        self.0.store.log_in_succeeded(&name, &address).await?;
        let hash = place.hash(new).await?;
        let (account, now) = (who.account.0, self.0.clock.now());
        let changes = self.0.store.change_password(account, (&before, &hash), who.sign_in.0, now).await?;
        let changes = changes.ok_or(AuthError::Conflict("password_changed_meanwhile"))?;
        changes.into_iter().for_each(|change| self.changed(change));
        Ok(())
    }

    /// Changes nickname and address for mail, each if it is named; an empty address takes it away.
    pub async fn change_profile(
        &self,
        id: PlayerId,
        nickname: Option<&str>,
        mail: Option<&str>,
    ) -> Result<Arc<Profile>, AuthError> {
        let mail =
            mail.map(|mail| if mail.is_empty() { Ok(None) } else { email(mail).map(Some) }).transpose()?;
        if mail.is_some() && self.0.store.credentials_of(id.0).await?.is_none() {
            return Err(AuthError::Conflict("guest_without_password")); // before anything is changed
        }
        if let Some(nickname) = nickname {
            self.rename(id, nickname).await?;
        }
        if let Some(mail) = mail {
            self.0.store.set_email(id.0, mail).await?;
            self.forget_profile(id);
        }
        self.profile(id).await
    }

    /// Marks an account as deleted: everything of it ends at once, its names are free after a while.
    pub async fn delete(&self, id: PlayerId) -> Result<(), AuthError> {
        let change = self.0.store.delete_account(id.0, self.0.clock.now()).await?;
        self.changed(change.ok_or(AuthError::InvalidToken)?);
        Ok(())
    }

    /// An account as its owner sees it, from memory for `auth.profile_cache_ms`. Of many who ask at once for what is
    /// not in memory one asks the store, and the others wait for him.
    pub async fn profile(&self, id: PlayerId) -> Result<Arc<Profile>, AuthError> {
        let (profiles, now) = (&self.0.profiles, self.0.clock.now());
        let oldest = UnixMs(now.0.saturating_sub_unsigned(self.0.config.auth.profile_cache_ms));
        match profiles.get(&id) {
            Some((at, known)) if at > oldest => return Ok(known),
            Some(_) => drop(profiles.remove_if(&id, |(at, _)| *at <= oldest)),
            None => {}
        }
        let read = async {
            let account = self.account(id).await?;
            let credentials = self.0.store.credentials_of(id.0).await?;
            Ok::<_, AuthError>((now, Arc::new(profile(account, credentials))))
        };
        // What is forgotten while it is read is not kept: see `forget_profile`.
        Ok(profiles.get_or_insert_async(&id, read).await?.1)
    }

    /// The account is no more as it was: looked up again here at once, and on other nodes when they hear of it.
    pub(super) fn forget_profile(&self, id: PlayerId) {
        self.changed(EpochChange::of_profile(id.0, self.0.clock.now()));
    }

    /// Checks what was asked for; the hash comes later.
    fn credentials(
        &self,
        id: PlayerId,
        new: NewAccount<'_>,
    ) -> Result<(CredentialsRow, Password), AuthError> {
        let settings = &self.0.config.auth;
        let username = Username::parse(new.username, settings)?;
        let password = Password::chosen(new.password, &username.shown, settings)?;
        let email = new.email.map(email).transpose()?;
        let row = CredentialsRow {
            account_id: id.0,
            username: username.shown,
            username_key: username.key,
            email: email.map(str::to_owned),
            password_hash: String::new(),
        };
        Ok((row, password))
    }
}

fn profile(account: Account, credentials: Option<CredentialsRow>) -> Profile {
    let (username, email) = credentials.map(|it| (it.username, it.email)).unzip();
    Profile { account, username, email: email.flatten() }
}

/// Names and addresses are not kept in clear for those who only guess.
fn hash(kind: &str, who: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(kind).chain_update(b" ").chain_update(who).finalize().to_vec()
}

/// An IPv6 address is its /64: one subscriber has all of it.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_ascii_and_has_no_case() {
        let settings = config::Auth::default();
        let fault = |text: &str| match Username::parse(text, &settings) {
            Err(AuthError::Invalid { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok(_) => "",
        };
        assert_eq!(
            Username::parse("Ann.B-1_", &settings).map(|name| name.key).ok().as_deref(),
            Some("ann.b-1_")
        );
        assert_eq!(
            (fault("ab"), fault("Воb"), fault("a b"), fault(&"a".repeat(33))),
            ("too_short", "bad_character", "bad_character", "too_long")
        );
    }

    #[test]
    fn an_address_for_mail_has_two_sides() {
        assert!(email("ann@example.org").is_ok());
        for wrong in ["", "ann", "@example.org", "ann@", "a@b@c", "a n@b", &format!("{}@b", "a".repeat(254))]
        {
            assert!(email(wrong).is_err(), "{wrong}");
        }
    }
}
