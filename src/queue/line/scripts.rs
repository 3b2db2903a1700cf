//! The scripts of a line in Redis. Each is atomic, and all keys of a queue are in one slot.
//!
//! `KEYS`: `meta`, a hash (`next` and `limit` number, `epoch`, `pace`, `rate`, `turned`, `quiet`, `open`; `base`: those up
//! to it were given out before the line was formed; `through`: none of those up to it waits any more); `line`, who waits by number; `seen`, the same by the time when each
//! was last heard of; `inside`, who was let in by number; `gone`, numbers whose holders left, and who came in while tickets
//! of before may return, by the time until which that is known. Members are accounts of 16 bytes. Every answer begins
//! with 0, or with why not: -1 the line was lost, -2 no number is left, -3 a later actor has it.
//!
//! `known` is a number that the asking node knows to have been given out: if the line's have not come so far, Redis has lost
//! its last writes. Then what it holds is kept, and the numbers go on above all that SQL knows of.

use redis::Script;
use std::sync::LazyLock;

/// What all begin with.
const HEAD: &str = r"
local meta, line, seen, inside, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local function beat()
    local m = redis.call('HMGET', meta, 'pace', 'rate', 'turned', 'quiet')
    return m[1], m[2], m[3], m[4]
end
local function is(set, account, number)
    local n = redis.call('ZSCORE', set, account)
    return n and tonumber(n) == tonumber(number)
end
local function lost(given, known)
    return not given or tonumber(given) < tonumber(known)
end
";

macro_rules! scripts {
    ($($(#[$doc:meta])* $NAME:ident = $body:literal;)*) => {
        $($(#[$doc])* pub(super) static $NAME: LazyLock<Script> =
            LazyLock::new(|| Script::new(&format!("{HEAD}{}", $body)));)*
    };
}

scripts! {
    /// `ARGV` account, now, known. Answers inside?, number, ahead, new?, beat.
    ENTER = r"
        local m = redis.call('HMGET', meta, 'next', 'limit')
        if lost(m[1], ARGV[3]) then return {-1} end
        local n, new = redis.call('ZSCORE', inside, ARGV[1]), 0
        if n then return {0, 1, n, 0, 0, beat()} end
        n = redis.call('ZSCORE', line, ARGV[1])
        if not n then
            if tonumber(m[1]) >= tonumber(m[2]) then return {-2} end
            n, new = redis.call('HINCRBY', meta, 'next', 1), 1
            redis.call('ZADD', line, n, ARGV[1])
        end
        redis.call('ZADD', seen, ARGV[2], ARGV[1])
        return {0, 0, n, redis.call('ZRANK', line, ARGV[1]), new, beat()}
    ";
    /// `ARGV` now, known, then account and number of each. Answers the beat, and of each: 0 waits, 1 inside, 2 left, 3 unknown,
    /// 4 unknown and may return; and how many are ahead.
    LOOK = r"
        local m = redis.call('HMGET', meta, 'pace', 'rate', 'turned', 'quiet', 'open', 'next')
        if lost(m[6], ARGV[2]) then return {-1} end
        local out = {0, m[1], m[2], m[3], m[4]}
        for i = 3, #ARGV, 2 do
            local account, number = ARGV[i], ARGV[i + 1]
            local found, ahead = 3, 0
            if is(line, account, number) then
                redis.call('ZADD', seen, ARGV[1], account)
                found, ahead = 0, redis.call('ZRANK', line, account)
            elseif is(inside, account, number) then
                found = 1
            elseif redis.call('ZSCORE', gone, number) then
                found = 2
            elseif tonumber(m[5]) > tonumber(ARGV[1]) then
                found = 4
            end
            out[#out + 1] = found
            out[#out + 1] = ahead
        end
        return out
    ";
    /// `ARGV` account. Answers its number, or nothing more.
    NUMBER = r"
        if redis.call('EXISTS', meta) == 0 then return {-1} end
        return {0, redis.call('ZSCORE', inside, ARGV[1]) or redis.call('ZSCORE', line, ARGV[1])}
    ";
    /// `ARGV` account, number, now. Answers as LOOK does of one. Of an account's tickets of before the later one counts; a place
    /// that it has got since then is given up for either. Who has come in since then has used up what he had before.
    COME_BACK = r"
        local m = redis.call('HMGET', meta, 'open', 'base', 'through')
        if not m[1] then return {-1} end
        local account, number, base = ARGV[1], tonumber(ARGV[2]), m[2] and tonumber(m[2]) or math.huge
        if is(inside, account, number) then return {0, 1, 0} end
        if redis.call('ZSCORE', gone, ARGV[2]) then return {0, 2, 0} end
        local n = tonumber(redis.call('ZSCORE', line, account) or number)
        local over = tonumber(m[1]) <= tonumber(ARGV[3]) or number > base or (n > number and n <= base)
            or number <= tonumber(m[3] or 0)
        if over or redis.call('ZSCORE', inside, account) or redis.call('ZSCORE', gone, account) then
            return {0, 3, 0}
        end
        redis.call('ZADD', line, number, account)
        redis.call('ZADD', seen, ARGV[3], account)
        return {0, 0, redis.call('ZRANK', line, account)}
    ";
    /// `ARGV` account, number, now, until when it is known. Answers 0 not there, 1 waited, 2 inside.
    LEAVE = r"
        local open = redis.call('HGET', meta, 'open')
        if not open then return {-1} end
        if is(inside, ARGV[1], ARGV[2]) then return {0, 2} end
        local waited = is(line, ARGV[1], ARGV[2])
        if waited then
            redis.call('ZREM', line, ARGV[1])
            redis.call('ZREM', seen, ARGV[1])
        end
        if waited or tonumber(open) > tonumber(ARGV[3]) then
            redis.call('ZREMRANGEBYSCORE', gone, '-inf', ARGV[3])
            redis.call('ZADD', gone, ARGV[4], ARGV[2])
        end
        return {0, waited and 1 or 0}
    ";
    /// `ARGV` epoch. Answers account and number of all inside.
    HOLD = r"
        local epoch = redis.call('HGET', meta, 'epoch')
        if not epoch then return {-1} end
        if tonumber(ARGV[1]) < tonumber(epoch) then return {-3} end
        redis.call('HSET', meta, 'epoch', ARGV[1])
        return {0, redis.call('ZRANGE', inside, 0, -1, 'WITHSCORES')}
    ";
    /// `ARGV` epoch, most, pace, rate, now, known. Answers how many wait, how many are inside, quiet, open, the first number that
    /// waits still (-1: none), the highest given out, and account and number of each that is taken.
    TAKE = r"
        local m = redis.call('HMGET', meta, 'epoch', 'quiet', 'next', 'open')
        if lost(m[3], ARGV[6]) then return {-1} end
        if tonumber(ARGV[1]) < tonumber(m[1]) then return {-3} end
        local open = tonumber(m[4]) > tonumber(ARGV[5])
        redis.call('HSET', meta, 'pace', ARGV[3], 'rate', ARGV[4], 'turned', ARGV[5])
        local most, taken = tonumber(ARGV[2]), {}
        if most > 0 and tonumber(m[2]) <= tonumber(ARGV[5]) then
            taken = redis.call('ZPOPMIN', line, most)
            for i = 1, #taken, 2 do
                redis.call('ZREM', seen, taken[i])
                redis.call('ZADD', inside, taken[i + 1], taken[i])
                if open then redis.call('ZADD', gone, m[4], taken[i]) end
            end
        end
        local first = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')[2] or -1
        return {0, redis.call('ZCARD', line), redis.call('ZCARD', inside), m[2], m[4], first, m[3], taken}
    ";
    /// `ARGV` epoch, now, then account and number of each.
    PUT_BACK = r"
        local epoch = redis.call('HGET', meta, 'epoch')
        if not epoch then return {-1} end
        if tonumber(ARGV[1]) < tonumber(epoch) then return {-3} end
        for i = 3, #ARGV, 2 do
            if is(inside, ARGV[i], ARGV[i + 1]) then
                redis.call('ZREM', inside, ARGV[i])
                redis.call('ZREM', gone, ARGV[i])
                redis.call('ZADD', line, ARGV[i + 1], ARGV[i])
                redis.call('ZADD', seen, ARGV[2], ARGV[i])
            end
        end
        return {0}
    ";
    /// `ARGV` account and number of each.
    SEAT = r"
        if redis.call('EXISTS', meta) == 0 then return {-1} end
        for i = 1, #ARGV, 2 do
            redis.call('ZREM', line, ARGV[i])
            redis.call('ZREM', seen, ARGV[i])
            redis.call('ZADD', inside, ARGV[i + 1], ARGV[i])
        end
        return {0}
    ";
    /// `ARGV` account and number of each.
    RELEASE = r"
        for i = 1, #ARGV, 2 do
            if is(inside, ARGV[i], ARGV[i + 1]) then redis.call('ZREM', inside, ARGV[i]) end
        end
        return {0}
    ";
    /// `ARGV` since when, most. Answers how many.
    DROP = r"
        if redis.call('EXISTS', meta) == 0 then return {-1} end
        local silent, n = redis.call('ZRANGEBYSCORE', seen, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2]), 0
        for _, account in ipairs(silent) do
            redis.call('ZREM', seen, account)
            n = n + redis.call('ZREM', line, account)
        end
        return {0, n}
    ";
    /// Answers how many.
    DISMISS = r"
        local limit = redis.call('HGET', meta, 'limit')
        if not limit then return {-1} end
        local n = redis.call('ZCARD', line)
        redis.call('UNLINK', line, seen)
        redis.call('HSET', meta, 'next', limit, 'through', limit)
        return {0, n}
    ";
    /// `ARGV` from, to, quiet, open, known, through, then account and number of all inside. One that is there, with all that it has given
    /// out, stays; of one that has lost its last writes those stay who wait and who are inside.
    FORM = r"
        local given = redis.call('HGET', meta, 'next')
        if not lost(given, ARGV[5]) then return {0} end
        if not given then
            redis.call('UNLINK', line, seen, inside, gone)
            redis.call('HSET', meta, 'epoch', 0, 'pace', 0, 'rate', 0, 'turned', 0)
        end
        redis.call('HSET', meta, 'next', ARGV[1], 'limit', ARGV[2], 'quiet', ARGV[3], 'open', ARGV[4], 'base', ARGV[1],
            'through', ARGV[6])
        redis.call('ZREMRANGEBYSCORE', line, '-inf', ARGV[6])
        for i = 7, #ARGV, 2 do
            redis.call('ZREM', line, ARGV[i])
            redis.call('ZREM', seen, ARGV[i])
            redis.call('ZADD', inside, ARGV[i + 1], ARGV[i])
            redis.call('ZADD', gone, ARGV[4], ARGV[i])
        end
        return {0}
    ";
    /// `ARGV` from, to. A block that comes after a later one is passed over.
    MORE = r"
        local m = redis.call('HMGET', meta, 'next', 'limit')
        if not m[1] then return {-1} end
        local from, limit = tonumber(ARGV[1]), tonumber(m[2])
        if from == limit then
            redis.call('HSET', meta, 'limit', ARGV[2])
        elseif from > limit then
            redis.call('HSET', meta, 'next', ARGV[1], 'limit', ARGV[2])
        end
        return {0}
    ";
    /// `ARGV` known. Answers how many wait, and the beat.
    FIGURES = r"
        if lost(redis.call('HGET', meta, 'next'), ARGV[1]) then return {-1} end
        return {0, redis.call('ZCARD', line), beat()}
    ";
}
