-- Stores events and rings the bell for the drain task unless it is ringing already, all or nothing.
-- KEYS: inbox (hash id -> record), due (zset id -> ms), bell, queue.
-- ARGV: bell message, bell ttl ms, most events or 0, id, record, ...
-- Redis's own clock decides when something is due: the hosts' clocks may differ.
local most = tonumber(ARGV[3])
if most > 0 and redis.call('HLEN', KEYS[1]) >= most then
    return redis.error_reply('INBOXFULL it holds all it may')
end
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
for i = 4, #ARGV, 2 do
    redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
    -- NX: a lease stands. Not only with a new record: one whose due time was lost would never be claimed.
    redis.call('ZADD', KEYS[2], 'NX', now_ms, ARGV[i])
end
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then
    redis.call('LPUSH', KEYS[4], ARGV[1])
end
return 1
