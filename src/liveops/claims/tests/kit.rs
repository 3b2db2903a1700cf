//! One event with one reward on a real database, and what must hold of its claims whatever happened.

use super::*;

pub(super) struct Kit {
    pub store: Store,
    pub clock: Arc<SetClock>,
    pub config: Config,
    pub event: Uuid,
    pub reward: Uuid,
    _dir: Option<tempfile::TempDir>,
}

impl Kit {
    pub async fn new(kind: &str, stock: Option<i64>, limit: i64) -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let config = test_config(dir.path()).await;
        Self::over(config, Some(dir), (kind, stock, limit)).await
    }

    pub async fn over(
        config: Config,
        dir: Option<tempfile::TempDir>,
        (kind, stock, limit): (&str, Option<i64>, i64),
    ) -> Self {
        let clock = SetClock::new();
        let store = Store::open(&config, clock.clone()).await.expect("opens");
        let (event, reward) = (Uuid::now_v7(), Uuid::now_v7());
        let now = clock.now();
        let entry = AuditEntry::new(now, (None, Role::Admin), "test", "test".to_owned(), json!({}));
        let row = EventRow {
            event_id: event,
            title: "An event".to_owned(),
            description: String::new(),
            starts_at: 0,
            ends_at: now.0 * 2,
            status: "active".to_owned(),
            condition: json!({"all": []}),
            created_at: now.0,
            updated_at: now.0,
        };
        assert!(matches!(store.create_event(&row, &entry).await.expect("writes"), Saved::Done(_)));
        let row = RewardRow {
            reward_id: reward,
            event_id: event,
            kind: kind.to_owned(),
            name: "gold".to_owned(),
            amount: 10,
            stock,
            taken: 0,
            per_account_limit: limit,
            condition: None,
            created_at: now.0,
            updated_at: now.0,
        };
        let entry = AuditEntry { id: Uuid::now_v7(), ..entry };
        assert!(matches!(store.create_reward(&row, &entry).await.expect("writes"), Saved::Done(_)));
        Self { store, clock, config, event, reward, _dir: dir }
    }

    pub async fn claim(&self, account: PlayerId) -> Uuid {
        let id = Uuid::now_v7();
        let of = (self.event, self.reward);
        self.store.create_claim(id, account, of, self.clock.now()).await.expect("writes").expect("exists");
        id
    }

    pub fn saga<'a>(&'a self, faults: &'a Faults) -> Saga<Faulty<'a>, Faulty<'a>> {
        let faulty = || Faulty { kit: self, faults };
        let (clock, settings) = (self.clock.clone(), Arc::new(self.config.rewards.clone()));
        Saga { steps: faulty(), grants: faulty(), clock, settings }
    }

    /// As a worker: what is due is leased and carried on, once.
    pub async fn work(&self, faults: &Faults) {
        let now = self.clock.now();
        let until = now + self.config.rewards.lease_ms;
        for claim in self.store.lease_claims(now, until, 100).await.expect("leases") {
            let _ = self.saga(faults).run(claim, &|_| ()).await; // an error is a crash
        }
    }

    pub async fn status(&self, id: Uuid) -> (String, Option<String>) {
        let claim = self.store.claim(id).await.expect("reads").expect("exists");
        (claim.status, claim.reason)
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        read!(self.store.db(), pool => sqlx::query_scalar(sql).fetch_one(pool).await.expect("a number"))
    }

    /// What must hold whatever happened, once every claim is over.
    pub async fn assert_sound(&self) {
        let granted = self.number("SELECT COUNT(*) FROM claims WHERE status = 'granted'").await;
        for sql in [
            "SELECT CAST(SUM(taken) AS BIGINT) FROM rewards",
            "SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) FROM reward_takers",
            "SELECT COUNT(*) FROM grants WHERE outcome = 'granted'",
        ] {
            assert_eq!(self.number(sql).await, granted, "{sql}");
        }
        assert_eq!(self.number("SELECT COUNT(*) FROM claims WHERE due_at IS NOT NULL").await, 0);
        let sum = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger_entries";
        assert_eq!(self.number(sum).await, 0, "the ledger sums to zero");
        let wrong = "SELECT COUNT(*) FROM wallets w WHERE w.balance <>
            (SELECT CAST(SUM(e.amount) AS BIGINT) FROM ledger_entries e WHERE e.wallet_id = w.account_id)";
        assert_eq!(self.number(wrong).await, 0, "a balance is the sum of its entries");
        let paid = "SELECT COUNT(*) FROM claims c WHERE c.kind = 'points' AND c.status = 'granted'
            AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.ref = c.claim_id AND l.amount = c.amount
                            AND l.credit = c.account_id)";
        assert_eq!(self.number(paid).await, 0, "who was granted points has them");
        let unearned = "SELECT COUNT(*) FROM ledger l WHERE NOT EXISTS
            (SELECT 1 FROM claims c WHERE c.claim_id = l.ref AND c.status = 'granted')";
        assert_eq!(self.number(unearned).await, 0, "and nobody else");
    }
}

impl Kit {
    /// A thing is a fact of its owner, once; points are told by the ledger alone. Then it moves his counter.
    pub async fn assert_item_granted(&self, account: PlayerId, (kind, claim): (&str, Uuid)) {
        let (now, later) = (self.clock.now(), self.clock.now() + 1_000);
        let due = self.store.claim_facts(now, later, 100).await.expect("claims");
        let facts = due.iter().map(|fact| Fact::open(&fact.body).expect("a fact"));
        let told: Vec<Fact> = facts.filter(|fact| fact.kind == "item_granted").collect();
        assert_eq!(told.len(), usize::from(kind != "points"), "{kind}");
        for fact in &told {
            assert_eq!(fact.account, Some(account));
            assert_eq!(
                fact.body,
                json!({"kind": kind, "name": "gold", "amount": 10, "claim_id": claim}),
                "{kind}"
            );
        }
        self.store.count_facts(&told, now).await.expect("counts");
        let counted = self.store.activity(account, None, None).await.expect("reads").counts;
        let dims =
            BTreeMap::from([("kind".to_owned(), kind.to_owned()), ("name".to_owned(), "gold".to_owned())]);
        let expected: Vec<_> = told
            .iter()
            .map(|_| Count { kind: "item_granted".to_owned(), dims: dims.clone(), n: 1 })
            .collect();
        assert_eq!(counted, expected, "{kind}");
    }
}
