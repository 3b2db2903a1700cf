//! Guests: the accounts that the virtual players play with.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::json;

use crate::target::Target;

/// Sign-ins under way at once: enough to keep the server busy, few enough to keep it polite.
const CONCURRENCY: usize = 32;

/// A call that was cut off is made so often, each time under another name: it may have been done.
const TRIES: usize = 5;

/// Letters none of which is confusable with another, alone or in pairs: nicknames are unique by
/// their UTS-39 skeleton, where `0` is `o` and `rn` is `m`.
const LETTERS: &[u8; 16] = b"abcdefghkpqstuxy";
const RUN_LETTERS: usize = 6;
const NUMBER_LETTERS: usize = 6;

/// One signed-in account.
#[derive(Clone, Debug)]
pub struct Guest {
    /// His account.
    pub id: String,
    /// His access token, good for 15 minutes.
    pub token: String,
}

#[derive(Deserialize)]
struct SignIn {
    account: Account,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Account {
    id: String,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

/// Signs in `count` new guests.
pub async fn sign_in(target: &Target, count: usize, bar: &ProgressBar) -> Result<Vec<Guest>> {
    let one = |place| async move {
        let mut guest = sign_in_one(target, place).await;
        for again in 1..TRIES {
            if !guest.as_ref().is_err_and(|error| error.is::<reqwest::Error>()) {
                break;
            }
            guest = sign_in_one(target, place + again).await;
        }
        bar.inc(1);
        guest
    };
    stream::iter(0..count).map(one).buffer_unordered(CONCURRENCY).try_collect().await
}

async fn sign_in_one(target: &Target, place: usize) -> Result<Guest> {
    let nickname = next_nickname();
    let url = format!("{}/api/v1/accounts/guest", target.url(place));
    let answer = target.http.post(url).json(&json!({"nickname": nickname})).send().await?;
    let status = answer.status();
    let body = answer.text().await?;
    ensure!(status == 201, "guest sign-in: {status} {body} (is limits.guests_per_minute high enough?)");
    let signed: SignIn = serde_json::from_str(&body).context("guest sign-in: unexpected answer")?;
    Ok(Guest { id: signed.account.id, token: signed.tokens.access_token })
}

/// Unique within this run by its counter, and between runs by the time.
fn next_nickname() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let run = u64::try_from(run_started().as_millis()).unwrap_or_default();
    let number = u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
    format!("L{}{}", letters(run, RUN_LETTERS), letters(number, NUMBER_LETTERS))
}

fn letters(value: u64, count: usize) -> String {
    (0..count).rev().map(|place| char::from(LETTERS[(value >> (4 * place)) as usize & 0xF])).collect()
}

fn run_started() -> std::time::Duration {
    static STARTED: std::sync::LazyLock<std::time::Duration> = std::sync::LazyLock::new(wall_clock);
    *STARTED
}

/// Time since the Unix epoch: the generator is outside of the server, and has no other clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is for the server's actors, which get time as an argument"
)]
pub fn wall_clock() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicknames_are_legal_and_unique() {
        let (a, b) = (next_nickname(), next_nickname());
        assert_ne!(a, b);
        assert!(a.len() <= 16 && a.bytes().all(|c| c.is_ascii_alphanumeric()));
    }
}
