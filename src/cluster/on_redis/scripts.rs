//! The registry's scripts. Each is atomic and touches one key.

use redis::Script;
use std::sync::LazyLock;

/// Renews a lease. `KEYS[1]` the nodes; `ARGV` node, what it says of itself, lease in ms.
/// Returns whether it was unknown, the age of the registry in ms, and what the living say of themselves.
pub(super) static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local began = tonumber(redis.call('HGET', KEYS[1], 'began'))
        if not began then
            began = now
            redis.call('HSET', KEYS[1], 'began', string.format('%.0f', now))
        end
        local unknown, living = 1, {}
        local all = redis.call('HGETALL', KEYS[1])
        for i = 1, #all, 2 do
            local node, entry = all[i], all[i + 1]
            local bar = string.find(entry, '|', 1, true)
            if bar then
                if tonumber(string.sub(entry, 1, bar - 1)) <= now then
                    redis.call('HDEL', KEYS[1], node)
                elseif node == ARGV[1] then
                    unknown = 0
                else
                    living[#living + 1] = string.sub(entry, bar + 1)
                end
            end
        end
        redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3]) .. '|' .. ARGV[2])
        living[#living + 1] = ARGV[2]
        return {unknown, now - began, living}
        ",
    )
});

/// Who owns `KEYS[1]` from now on: its owner, else `ARGV[1]`. An owner of `ARGV[2]` counts as none. A claim that its
/// owner does not renew is forgotten after `ARGV[3]` seconds.
pub(super) static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local owner = redis.call('GET', KEYS[1])
        if owner and owner ~= ARGV[2] and owner ~= ARGV[1] then
            return owner
        end
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
        return ARGV[1]
        ",
    )
});

/// Deletes `KEYS[1]` if it says `ARGV[1]`.
pub(super) static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    )
});
