//! Reads `redis.url`. Its forms are those of the field: `redis://`, `redis+sentinel://`, `redis+cluster://`.
//!
//! [`servers`](super::servers) calls it once; it connects to nothing.

use super::servers::{Kind, Nodes, Sentinels};
use redis::{
    Client, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, RedisError, RedisResult,
    cluster::ClusterClient,
    sentinel::{Sentinel, SentinelNodeConnectionInfo},
};
use std::time::Duration;
use tokio::sync::Mutex;

const SENTINEL_PORT: u16 = 26_379;
const REDIS_PORT: u16 = 6_379;

/// `longest` bounds each connect and each answer of a Redis Cluster.
pub(super) fn parse(url: &str, longest: Duration) -> RedisResult<Kind> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    match scheme {
        "redis+sentinel" => sentinel(rest),
        "redis+cluster" => cluster(rest, longest),
        "rediss" | "valkeys" | "rediss+sentinel" | "rediss+cluster" => {
            Err(wrong("TLS to Redis is not built in"))
        }
        _ => Client::open(resp3(url)).map(Kind::Single).map_err(|error| wrong(&error.to_string())),
    }
}

/// `[user:password@]host[:port][,host[:port]…][/path][?query]`
struct Parts<'a> {
    login: &'a str,
    hosts: Vec<&'a str>,
    path: Option<&'a str>,
    query: Vec<(&'a str, &'a str)>,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> RedisResult<Self> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (rest, path) = rest.split_once('/').map_or((rest, None), |(rest, path)| (rest, Some(path)));
        let at = rest.rfind('@').map_or(0, |at| at + 1);
        let (login, hosts) = rest.split_at(at);
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(wrong("a host is missing"));
        }
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        Ok(Self { login, hosts, path: path.filter(|path| !path.is_empty()), query })
    }
}

/// `redis+sentinel://[user:password@]host[:port],…/master[/db][?sentinel_username=…&sentinel_password=…]`
fn sentinel(rest: &str) -> RedisResult<Kind> {
    let parts = Parts::of(rest)?;
    let path =
        parts.path.ok_or_else(|| wrong("redis+sentinel:// names the master behind the hosts: /mymaster"))?;
    let (master, db) = path.split_once('/').unwrap_or((path, ""));
    let (mut user, mut password) = ("", "");
    for (name, value) in parts.query {
        match name {
            "sentinel_username" => user = value,
            "sentinel_password" => password = value,
            _ => {
                return Err(wrong(
                    "redis+sentinel:// takes ?sentinel_username= and sentinel_password= alone",
                ));
            }
        }
    }
    let login = if password.is_empty() { String::new() } else { format!("{user}:{password}@") };
    let sentinels = parts.hosts.iter().map(|host| info(&login, host, SENTINEL_PORT, ""));
    let sentinels = Sentinel::build(sentinels.collect::<RedisResult<Vec<_>>>()?)?;
    // The settings of the master are those of any server with this login: its address is the sentinels' to say.
    let server = info(parts.login, "master", REDIS_PORT, &format!("{db}?protocol=resp3"))?;
    let login =
        SentinelNodeConnectionInfo::default().set_redis_connection_info(server.redis_settings().clone());
    Ok(Kind::Sentinel(Box::new(Sentinels { asked: Mutex::new(sentinels), master: master.to_owned(), login })))
}

/// `redis+cluster://[user:password@]host[:port],…`
fn cluster(rest: &str, longest: Duration) -> RedisResult<Kind> {
    let parts = Parts::of(rest)?;
    if parts.path.is_some() || !parts.query.is_empty() {
        return Err(wrong("redis+cluster:// ends with its hosts: a Redis Cluster has one database"));
    }
    let seeds = parts.hosts.iter().map(|host| info(parts.login, host, REDIS_PORT, "?protocol=resp3"));
    let seeds: Vec<ConnectionInfo> = seeds.collect::<RedisResult<_>>()?;
    let client = ClusterClient::builder(seeds.clone())
        .connection_timeout(longest)
        .response_timeout(longest)
        .retries(0) // what may have been done is not done again: see `Wire`
        .build()?;
    Ok(Kind::Cluster(Box::new(Nodes { seeds, client })))
}

fn info(login: &str, host: &str, port: u16, path: &str) -> RedisResult<ConnectionInfo> {
    let named = host.contains(':') && !host.ends_with(']');
    let address = if named { host.to_owned() } else { format!("{host}:{port}") };
    let url = format!("redis://{login}{address}/{path}");
    // Not said which: what stands there may be half a password.
    url.into_connection_info().map_err(|error| wrong(&format!("a part is no host:port ({error})")))
}

/// Pushes need protocol 3.
fn resp3(url: &str) -> String {
    match url {
        url if url.contains("protocol=") => url.to_owned(),
        url if url.contains('?') => format!("{url}&protocol=resp3"),
        url => format!("{url}{}?protocol=resp3", if url.matches('/').count() < 3 { "/" } else { "" }),
    }
}

pub(super) fn wrong(what: &str) -> RedisError {
    let forms = "redis://host:port, redis+sentinel://host:port,…/master or redis+cluster://host:port,…";
    RedisError::from((ErrorKind::InvalidClientConfig, "redis.url is", format!("{forms}; here {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ConnectionAddr;

    fn kind(url: &str) -> String {
        match parse(url, Duration::from_secs(1)) {
            Ok(Kind::Single(_)) => "single".to_owned(),
            Ok(Kind::Sentinel(_)) => "sentinel".to_owned(),
            Ok(Kind::Cluster(_)) => "cluster".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_form_of_the_url_is_known_by_its_scheme() {
        for single in ["redis://h:1", "redis://u:p@h", "redis://h:1/2", "valkey://h"] {
            assert_eq!(kind(single), "single", "{single}");
        }
        for sentinel in ["redis+sentinel://a:1,b:2/m", "redis+sentinel://u:p%40@a,b/m/3?sentinel_password=s"]
        {
            assert_eq!(kind(sentinel), "sentinel", "{sentinel}");
        }
        for cluster in ["redis+cluster://a:1,b:2", "redis+cluster://u:p@[::1]:7000,b/"] {
            assert_eq!(kind(cluster), "cluster", "{cluster}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_with_its_reason() {
        for (url, reason) in [
            ("redis+sentinel://a:1,b:2", "names the master"),
            ("redis+sentinel://a:1,,b:2/m", "a host is missing"),
            ("redis+sentinel:///m", "a host is missing"),
            ("redis+sentinel://a:x/m", "no host:port"),
            ("redis+sentinel://a/m/x", "database"),
            ("redis+sentinel://a/m?master=x", "sentinel_password= alone"),
            ("redis+cluster://a:1/2", "one database"),
            ("rediss://a:1", "TLS"),
            ("rediss+cluster://a:1", "TLS"),
            ("http://a:1", "redis+cluster://"),
            ("a:1", "redis+cluster://"),
        ] {
            assert!(kind(url).contains(reason), "{url}: {}", kind(url));
        }
    }

    #[test]
    fn user_and_password_belong_to_the_servers_and_the_sentinels_have_their_own() {
        let seconds = Duration::from_secs(1);
        let Ok(Kind::Cluster(nodes)) = parse("redis+cluster://me:p%40ss@a:1,b", seconds) else { panic!() };
        for (seed, port) in nodes.seeds.iter().zip([1, 6_379]) {
            let login = seed.redis_settings();
            assert_eq!((login.username(), login.password()), (Some("me"), Some("p@ss")));
            assert!(matches!(seed.addr(), ConnectionAddr::Tcp(_, at) if *at == port));
        }
        let url = "redis+sentinel://me:p%40ss@a/m/3?sentinel_password=other";
        let Ok(Kind::Sentinel(sentinels)) = parse(url, seconds) else { panic!() };
        let login = format!("{:?}", sentinels.login);
        assert_eq!(sentinels.master, "m");
        assert!(login.contains("\"me\"") && login.contains("db: 3"), "{login}");
    }
}
