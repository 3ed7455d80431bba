-- Stores events and rings the bell for the drain task unless it is ringing already, all or nothing.
-- KEYS: inbox (hash id -> record), due (zset id -> ms), bell, queue.  ARGV: bell message, bell ttl ms, id, record, ...
-- Redis's own clock decides when something is due: the hosts' clocks may differ.
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
for i = 3, #ARGV, 2 do
    if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
        redis.call('ZADD', KEYS[2], now_ms, ARGV[i])
    end
end
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then
    redis.call('LPUSH', KEYS[4], ARGV[1])
end
return 1
